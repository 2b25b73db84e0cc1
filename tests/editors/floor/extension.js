// What VS Code itself takes for a question in chat: a participant that knows its answer, and writes down when it was asked.
'use strict';
const fs = require('fs');
const vscode = require('vscode');

const file = process.env.PAIRED_FLOOR_LOG;

function activate(context) {
  context.subscriptions.push(vscode.chat.createChatParticipant('floor.floor', async (_request, _history, stream) => {
    const at = Date.now();
    stream.markdown('1 file was looked at, and nothing more was done.\n');
    if (file) fs.appendFileSync(file, `${at}\n`);
    return {};
  }));
}

module.exports = { activate };
