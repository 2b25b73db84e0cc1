// Editors that came from VS Code read their assistants' servers from files of their own. `paired setup` knows them,
// shows what it would change, and does it when told to; this only asks.
'use strict';
const vscode = require('vscode');
const { execFile } = require('child_process');
const { assistantItems, diffOf } = require('./plans');

function setup(file, args) {
  return new Promise((resolve, reject) => {
    execFile(file, ['setup', ...args, '--json'], { timeout: 20000, maxBuffer: 8 << 20 }, (error, stdout, stderr) => {
      try {
        const answer = JSON.parse(stdout);
        if (answer.clients) return resolve(answer.clients);
      } catch { /* said below */ }
      reject(new Error((stderr || (error && error.message) || 'no answer').trim()));
    });
  });
}

// A page of ours, and no new file: nobody is asked to save it, and no copy of it is kept.
async function showDiff(plan) {
  const uri = vscode.Uri.from({ scheme: 'paired-plan', path: `/${plan.client}.diff` });
  const page = vscode.workspace.registerTextDocumentContentProvider(uri.scheme, { provideTextDocumentContent: () => diffOf(plan) });
  try {
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
  } finally {
    page.dispose();
  }
}

async function registerAssistants(paired) {
  const { file, missing } = paired.find();
  if (!file) throw new Error(missing);
  const picked = await vscode.window.showQuickPick(assistantItems(await setup(file, [])),
    { title: 'Register paired with', matchOnDetail: true });
  if (!picked) return;
  const [plan] = await setup(file, [picked.name]);
  if (plan.error) throw new Error(plan.error);
  if (!plan.changes.length) {
    vscode.window.showInformationMessage(`${plan.title} knows paired already.`);
    return;
  }
  await showDiff(plan);
  const agreed = await vscode.window.showInformationMessage(
    `Write this into ${plan.changes.map(c => c.file).join(', ')}?`, { modal: true }, 'Write');
  if (agreed !== 'Write') return;
  const [done] = await setup(file, [picked.name, '--yes']);
  if (done.error || !done.written) throw new Error(done.error || 'nothing was written');
  vscode.window.showInformationMessage(`${done.title} knows paired from its next start on.${done.hint ? ' ' + done.hint : ''}`);
}

module.exports = { registerAssistants };
