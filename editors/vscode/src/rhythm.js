// Tells the server when edits were made, as this window saw them: times and sizes, never text. Only where the server
// says that it listens; the last batch is sent with the next edits or when nothing is typed for a while.
'use strict';

const BATCH_MAX = 512; // what the server takes in one message
const QUIET_MS = 2000;
const AGO_MAX_MS = 10 * 60 * 1000;

// One change event of a document, at `now`.
function beat(event, now) {
  let inserted = 0, removed = 0;
  for (const change of event.contentChanges) {
    inserted += change.text.length;
    removed += change.rangeLength;
  }
  const reason = event.reason === 1 ? 'undo' : event.reason === 2 ? 'redo' : undefined; // TextDocumentChangeReason
  return { at: now, inserted, removed, ...(reason && { reason }) };
}

// Oldest first, as ages at `now`.
function batch(beats, now) {
  const edits = beats.slice(-BATCH_MAX).map(({ at, ...rest }) => ({ ago: Math.max(0, now - at), ...rest }));
  return { edits: edits.filter(e => e.ago <= AGO_MAX_MS) };
}

class Rhythm {
  constructor(paired, workspace, wanted = () => true, clock = () => performance.now()) {
    this.paired = paired;
    this.wanted = wanted;
    this.clock = clock;
    this.beats = [];
    this.subscription = workspace.onDidChangeTextDocument(e => this.note(e));
  }

  note(event) {
    if (!event.contentChanges.length || !['file', 'untitled'].includes(event.document.uri.scheme)) return;
    if (!this.wanted() || !this.paired.client?.initializeResult?.capabilities?.experimental?.rhythm) return;
    this.beats.push(beat(event, this.clock()));
    clearTimeout(this.timer);
    if (this.beats.length >= BATCH_MAX / 2) this.send();
    else this.timer = setTimeout(() => this.send(), QUIET_MS);
  }

  send() {
    const { beats } = this;
    this.beats = [];
    if (!beats.length || !this.paired.running) return;
    void this.paired.client.sendNotification('paired/rhythm', batch(beats, this.clock()))?.catch?.(() => {});
  }

  dispose() {
    clearTimeout(this.timer);
    this.subscription.dispose();
  }
}

module.exports = { Rhythm, beat, batch, BATCH_MAX };
