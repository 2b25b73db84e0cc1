package samples;

import java.io.FileReader;
import java.io.FileWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Keeps notes in a file. It exists to have defects planted into it. */
public class Store {
  private static final int LIMIT = 100;
  private static final int KIND_OLD = 1;
  private final Map<Integer, String> notes = new HashMap<>();
  private final List<String> journal = new ArrayList<>();
  private final String path;
  private int next;
  private boolean dirty;
  private String mode;

  public Store(String path, int next, String mode) {
    this.path = path;
    this.next = next;
    this.mode = mode;
  }

  public void load() throws IOException {
    try (FileReader reader = new FileReader(path)) {
      int first = reader.read();
      if (first < 0) {
        throw new IOException("empty");
      }
      report("first " + first);
      report("loaded");
    }
    dirty = false;
  }

  public void save() throws IOException {
    try (FileWriter writer = new FileWriter(path)) {
      for (Map.Entry<Integer, String> note : notes.entrySet()) {
        writer.write(note.getKey() + " " + note.getValue());
      }
    }
    dirty = false;
  }

  public int add(String title) {
    if (notes.size() >= LIMIT) {
      return 0;
    }
    next++;
    notes.put(next, title);
    dirty = true;
    System.out.println(String.format("added %d of %d", next, LIMIT));
    return next;
  }

  public String kind(int id) {
    if (id == KIND_OLD) {
      return "old";
    } else if (id < LIMIT) {
      return "recent";
    }
    return "new";
  }

  public int rank(int mine, int other) {
    if (mine > other) {
      return 1;
    } else if (mine < other) {
      return -1;
    }
    return 0;
  }

  public boolean isOpen(String wanted) {
    if ("open".equals(wanted)) {
      return true;
    }
    return "append".equals(wanted) && dirty;
  }

  public void compact(int limit) {
    int dropped = 0;
    int kept = limit;
    for (int id = 1; id <= next; id++) {
      if (id > limit) {
        notes.remove(id);
        dropped++;
      } else {
        kept++;
        report("kept " + id);
      }
    }
    dropped = kept;
    report("dropped " + dropped);
    report("compacted");
  }

  public void refresh() {
    try {
      load();
      compact(LIMIT);
    } catch (IOException e) {
      report("not refreshed: " + e.getMessage());
    }
    try {
      save();
      compact(next);
    } catch (IOException e) {
      report("not saved: " + e.getMessage());
    }
    dirty = notes.isEmpty();
  }

  public void flush() throws IOException {
    if (dirty && next > LIMIT) {
      save();
    }
    report("flushed");
    report("idle");
  }

  private void report(String what) {
    journal.add(what);
    if (journal.size() > LIMIT) {
      journal.remove(0);
    }
    if (mode == null) {
      mode = what;
    }
  }
}
