// Models of the backends that the folder was granted, as VS Code's language models. No vscode in here: tested by node alone.
'use strict';

const CONTEXT = 128000; // where the catalogue does not know it
const OUTPUT = 8000;

function modelInformation(offered) {
  return (offered ?? []).map(({ backend, model, local, context }) => ({
    id: `${backend}/${model}`, name: `${model} (${backend})`, family: model, version: '1',
    maxInputTokens: (context ?? CONTEXT) - OUTPUT, maxOutputTokens: OUTPUT, capabilities: { toolCalling: true },
    tooltip: 'By way of paired\'s router: grant, secret gate, audit and budgets of this folder hold', detail: local ? 'local' : backend,
  }));
}

// Ids of other tools' calls may hold what a backend refuses.
const idOf = callId => callId.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64) || 'call';

function blockOf(part, kinds) {
  if (part instanceof kinds.call) return { type: 'tool_use', id: idOf(part.callId), name: part.name, input: part.input ?? {} };
  if (part instanceof kinds.result) {
    const text = part.content.map(one => one?.value ?? '').join('');
    return { type: 'tool_result', tool_use_id: idOf(part.callId), content: text };
  }
  return part instanceof kinds.text && part.value ? { type: 'text', text: part.value } : undefined;
}

// A request of /v1/messages. Neighbours of one role are one message; what no part can say (images) is left out.
function requestFor(chosen, messages, options, kinds, assistant) {
  const turns = [];
  for (const message of messages) {
    const role = message.role === assistant ? 'assistant' : 'user';
    const content = message.content.map(part => blockOf(part, kinds)).filter(Boolean);
    const last = turns[turns.length - 1];
    if (last?.role === role) last.content.push(...content);
    else if (content.length) turns.push({ role, content });
  }
  const tools = (options?.tools ?? []).map(t => ({
    name: t.name, description: t.description, input_schema: t.inputSchema ?? { type: 'object', properties: {} } }));
  return { model: chosen.id.slice(chosen.id.indexOf('/') + 1), ...(tools.length ? { tools } : {}), messages: turns, max_tokens: OUTPUT };
}

module.exports = { modelInformation, requestFor };
