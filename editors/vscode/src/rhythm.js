// When edits happened, for the engine on this machine: milliseconds and whether it was undo or redo. Never text, never
// where. LSP carries the edits themselves, but not when they were made, nor by what.
'use strict';
const vscode = require('vscode');

const EVERY_MS = 2000;
const EVENTS_MAX = 512;

class Rhythm {
  constructor(paired) {
    this.paired = paired;
    this.events = [];
    this.subscription = vscode.workspace.onDidChangeTextDocument(e => this.note(e));
  }

  note(e) {
    if (!e.contentChanges.length || this.events.length >= EVENTS_MAX) return;
    if (!vscode.workspace.getConfiguration('paired').get('rhythm.enable')) return;
    this.events.push([Date.now(), e.reason || 0]);
    this.timer ??= setTimeout(() => this.send(), EVERY_MS);
  }

  send() {
    this.timer = undefined;
    const events = this.events;
    this.events = [];
    const wanted = this.paired.client?.initializeResult?.capabilities?.experimental?.pairedRhythm;
    if (!wanted || !this.paired.running || !events.length) return;
    const end = Date.now();
    const params = { ago: events.map(([at]) => end - at), reason: events.map(([, reason]) => reason) };
    this.paired.client.sendNotification('paired/rhythm', params).catch(() => {});
  }

  dispose() {
    clearTimeout(this.timer);
    this.subscription.dispose();
  }
}

module.exports = { Rhythm };
