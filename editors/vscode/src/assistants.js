// Editors that came from VS Code read their assistants' servers from files of their own. `paired setup` knows them,
// shows what it would change, and does it when told to; this only asks which.
'use strict';
const vscode = require('vscode');
const { execFile } = require('child_process');

function setup(file, args) {
  return new Promise((resolve, reject) => {
    execFile(file, ['setup', ...args], { timeout: 20000, maxBuffer: 4 << 20 }, (error, stdout, stderr) =>
      (error && !stdout ? reject(new Error((stderr || error.message).trim())) : resolve(stdout)));
  });
}

async function registerAssistants(paired) {
  const { file, missing } = paired.find();
  if (!file) throw new Error(missing);
  const { clients } = JSON.parse(await setup(file, ['--json']));
  const picked = await vscode.window.showQuickPick(
    clients.map(c => ({ label: c.title, description: c.installed ? 'installed' : '', detail: c.file || c.command, name: c.client })),
    { title: 'Register paired with', matchOnDetail: true });
  if (!picked) return;
  const document = await vscode.workspace.openTextDocument({ content: await setup(file, [picked.name]) });
  await vscode.window.showTextDocument(document, { preview: true });
}

module.exports = { registerAssistants };
