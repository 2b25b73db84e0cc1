// The same engine as an MCP server for the editor's own assistant; no file of the user's is written for it.
'use strict';
const vscode = require('vscode');

function registerMcp(paired, context) {
  if (!vscode.lm?.registerMcpServerDefinitionProvider || !vscode.McpStdioServerDefinition) return;
  context.subscriptions.push(vscode.lm.registerMcpServerDefinitionProvider('paired.mcp', {
    onDidChangeMcpServerDefinitions: paired.changed.event,
    provideMcpServerDefinitions: async () => {
      const { file } = paired.find();
      return file ? [new vscode.McpStdioServerDefinition('paired', file, ['mcp'], {}, context.extension.packageJSON.version)] : [];
    },
  }));
}

module.exports = { registerMcp };
