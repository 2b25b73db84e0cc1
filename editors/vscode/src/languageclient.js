// What of the library is used, and the second of the two files that are packed (build.mjs).
'use strict';
const { LanguageClient, ProgressType, RevealOutputChannelOn, State } = require('vscode-languageclient/node');

module.exports = { LanguageClient, ProgressType, RevealOutputChannelOn, State };
