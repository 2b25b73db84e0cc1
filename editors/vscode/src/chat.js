// @paired in chat, a tool for other chat participants, and language models: the agents themselves (VS Code refuses
// participants where no model is registered), and those of the backends that the folder was granted, by way of paired's
// router. Each of the three is left out where the editor does not have it.
'use strict';
const vscode = require('vscode');
const { agentOf, questionFor } = require('./agents');
const { modelInformation, requestFor } = require('./models');
const { render } = require('./render');

const ID = 'paired.paired'; // of the participant

function toUri(file, line) {
  const folder = vscode.workspace.workspaceFolders?.[0];
  return folder ? `${vscode.Uri.joinPath(folder.uri, file).toString()}#L${line}` : undefined;
}

// What the user has in front of him, so that "this function" means something.
function placeInEditor() {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.uri.scheme !== 'file') return {};
  const { start, end } = editor.selection;
  return { textDocument: { uri: editor.document.uri.toString() }, range: { start, end } };
}

async function ask(paired, agent, prompt, token, more = {}, hear = () => {}) {
  const question = questionFor(agent, prompt);
  const answer = await paired.executeHearing('paired.ask', { agent: agent?.name, question, ...placeInEditor(), ...more }, token, hear);
  return { question, answer };
}

function registerParticipant(paired, context) {
  if (!vscode.chat?.createChatParticipant) return;
  const participant = vscode.chat.createChatParticipant(ID, async (request, { history = [] } = {}, stream, token) => {
    const agent = agentOf(request.command), begun = performance.now();
    try {
      const { answer } = await ask(paired, agent, request.prompt, token, {}, ({ message }) => message && stream.progress(message));
      stream.markdown(render(answer.text || '', toUri, { again: history.some(turn => turn.participant === ID && turn.response) }));
      paired.log.info(`@paired${agent ? ` /${agent.command}` : ''}: answered in ${(performance.now() - begun).toFixed(1)} ms`);
      return { metadata: { agent: agent?.name, next: answer.next } };
    } catch (e) {
      if (token.isCancellationRequested) return {};
      return { errorDetails: { message: e.message } };
    }
  });
  participant.iconPath = new vscode.ThemeIcon('circle-filled');
  participant.followupProvider = {
    provideFollowups: result => (result.metadata?.next ? [{ prompt: 'more', label: 'More of this' }] : []),
  };
  context.subscriptions.push(participant);
}

function registerModel(paired, context) {
  if (!vscode.lm?.registerLanguageModelChatProvider) return;
  const model = {
    id: 'paired-agents', name: 'paired (local agents)', family: 'paired', version: '1',
    maxInputTokens: 32000, maxOutputTokens: 8000, capabilities: { toolCalling: true }, // without it chat in agent mode does not offer it
    tooltip: 'No model: exact answers of the local agents', detail: 'local',
  };
  const textOf = message => message.content.map(part => part.value ?? '').join('');
  const kinds = { text: vscode.LanguageModelTextPart, call: vscode.LanguageModelToolCallPart, result: vscode.LanguageModelToolResultPart };
  let calls = 0;
  async function answerByModel(chosen, messages, options, progress, token) {
    const request = requestFor(chosen, messages, options, kinds, vscode.LanguageModelChatMessageRole.Assistant);
    const answer = await paired.executeHearing('paired.chat', { request }, token,
      ({ text }) => text && progress.report(new vscode.LanguageModelTextPart(text)));
    for (const call of answer.data.calls) progress.report(new vscode.LanguageModelToolCallPart(`paired-${Date.now()}-${++calls}`, call.name, call.arguments));
  }
  // What the folder was granted is asked for behind the editor's back: while it waits for a list it has no model at all.
  let offered = [];
  const news = new vscode.EventEmitter();
  async function look() {
    if (!paired.running) return;
    const answer = await paired.execute('paired.models').catch(() => undefined);
    const models = modelInformation(answer?.data?.models);
    if (JSON.stringify(models) === JSON.stringify(offered)) return;
    offered = models;
    news.fire();
  }
  context.subscriptions.push(news, paired.changed.event(() => void look()));
  context.subscriptions.push(vscode.lm.registerLanguageModelChatProvider('paired', {
    onDidChangeLanguageModelChatInformation: news.event,
    provideLanguageModelChatInformation: async () => {
      void look();
      return [model, ...offered];
    },
    provideLanguageModelChatResponse: async (chosen, messages, options, progress, token) => {
      if (chosen.id !== model.id) return answerByModel(chosen, messages, options, progress, token);
      const last = [...messages].reverse().find(m => m.role === vscode.LanguageModelChatMessageRole.User);
      const { answer } = await ask(paired, undefined, last ? textOf(last) : '', token);
      progress.report(new vscode.LanguageModelTextPart(answer.text || ''));
    },
    provideTokenCount: async (_model, text, token) => {
      const plain = typeof text === 'string' ? text : textOf(text);
      const counted = await paired.execute('paired.tokens', { text: plain }, token).catch(() => undefined);
      return counted?.tokens ?? Math.ceil(plain.length / 4);
    },
  }));
  // The editor asks providers lazily, and chat refuses the first question for want of a chosen model.
  void Promise.resolve(vscode.lm.selectChatModels?.({ vendor: 'paired' })).catch(() => {});
}

function registerTool(paired, context) {
  if (!vscode.lm?.registerTool) return;
  context.subscriptions.push(vscode.lm.registerTool('paired_ask', {
    prepareInvocation: options => ({ invocationMessage: `Asking paired: ${String(options.input.question).slice(0, 80)}` }),
    invoke: async (options, token) => {
      const { answer } = await ask(paired, agentOf(options.input.agent), options.input.question, token);
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(answer.text || '')]);
    },
  }));
}

function registerChat(paired, context) {
  for (const register of [registerModel, registerParticipant, registerTool]) {
    try {
      register(paired, context);
    } catch (e) { // a fork that has the name and not the thing
      paired.log.info(`${register.name}: ${e.message}`);
    }
  }
}

module.exports = { registerChat, ask, toUri };
