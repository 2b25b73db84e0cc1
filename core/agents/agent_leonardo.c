// Leonardo, architecture.
#include "core/agents/leonardo.h"

static const struct field impact_fields[] = {
    {.name = "symbol",
     .type = FIELD_STRING,
     .offset = offsetof(struct impact_input, symbol),
     .description = "name, Class.method or path:line",
     .max = 512},
    {.name = "path",
     .type = FIELD_STRING,
     .offset = offsetof(struct impact_input, path),
     .description = "file or folder",
     .max = 4096},
    {.name = "depth",
     .type = FIELD_INT,
     .offset = offsetof(struct impact_input, depth),
     .description = "of callers, or folders",
     .min = 1,
     .max = 8},
    AGENT_PAGE_FIELDS,
    {0},
};

static const char *const graph_formats[] = {"text", "dot", "mermaid", NULL};
static const struct field graph_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .offset = offsetof(struct graph_input, path),
     .description = "file or folder",
     .max = 4096},
    {.name = "depth",
     .type = FIELD_INT,
     .offset = offsetof(struct graph_input, depth),
     .description = "of callers, or folders",
     .min = 1,
     .max = 8},
    {.name = "files",
     .type = FIELD_BOOL,
     .offset = offsetof(struct graph_input, files),
     .description = "files instead of folders"},
    {.name = "format",
     .type = FIELD_ENUM,
     .offset = offsetof(struct graph_input, format),
     .values = graph_formats,
     .default_json = "\"text\""},
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct field boundaries_fields[] = {
    {.name = "rules",
     .type = FIELD_JSON,
     .offset = offsetof(struct boundaries_input, rules),
     .description = "instead of .paired/boundaries.json"},
    {.name = "propose",
     .type = FIELD_BOOL,
     .offset = offsetof(struct boundaries_input, propose),
     .description = "show what holds today, as rules"},
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct field drift_fields[] = {
    {.name = "range",
     .type = FIELD_STRING,
     .offset = offsetof(struct drift_input, range),
     .description = "A..B, a commit, staged",
     .max = 600},
    {.name = "depth",
     .type = FIELD_INT,
     .offset = offsetof(struct drift_input, depth),
     .description = "of callers, or folders",
     .min = 1,
     .max = 8},
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct field adr_fields[] = {
    {.name = "text",
     .type = FIELD_STRING,
     .offset = offsetof(struct adr_input, text),
     .description = "only those that hold this",
     .max = 512},
    AGENT_PAGE_FIELDS,
    {0},
};

static const struct agent_capability capabilities[] = {
    {.name = "impact",
     .title = "Who is reached by a change of a symbol",
     .description = "Callers of callers of a symbol to a depth, and the tests that reach it, each "
                    "with file:line; of a path: of all that it shows to others.",
     .flags = AGENT_FROM_FILES,
     .operand = "symbol",
     .input = impact_fields,
     .input_size = sizeof(struct impact_input),
     .run = leonardo_impact,
     .example = "{\"symbol\": \"parse_config\", \"depth\": 2}",
     .asked_by = "impact impact callers calls caller uses users breaks affected change depend "
                 "depends references who"},
    {.name = "graph",
     .title = "Modules, cycles and layers",
     .description = "Modules with what they import of each other: cycles with their cheapest edge, "
                    "layers from the bottom; text, DOT or Mermaid.",
     .flags = AGENT_FROM_FILES,
     .operand = "path",
     .input = graph_fields,
     .input_size = sizeof(struct graph_input),
     .run = leonardo_graph,
     .example = "{\"format\": \"mermaid\"}",
     .asked_by = "graph graph module modules architecture architecture structure dependency "
                 "dependencies cycle cycle cycles circular layer layers import imports"},
    {.name = "boundaries",
     .title = "Where the rules about who may use whom are broken",
     .description = "Imports that break .paired/boundaries.json (layers with what each may use, "
                    "forbidden pairs). propose: today's edges as rules to start from.",
     .input = boundaries_fields,
     .input_size = sizeof(struct boundaries_input),
     .run = leonardo_boundaries,
     .example = "{\"propose\": true}",
     .asked_by = "boundary boundary boundaries rule rules violation violations allowed forbidden "
                 "layering"},
    {.name = "drift",
     .title = "Edges between modules that a change added",
     .description = "Modules that use others they did not use before, with the import, and whether "
                    "that closes a cycle.",
     .operand = "range",
     .input = drift_fields,
     .input_size = sizeof(struct drift_input),
     .run = leonardo_drift,
     .example = "{\"range\": \"main\"}",
     .asked_by = "drift drift new edges added coupling architecture change erosion"},
    {.name = "adr",
     .title = "Decisions that were written down",
     .description = "Decision records with title and status, and which name paths or functions "
                    "that are no longer there.",
     .operand = "text",
     .input = adr_fields,
     .input_size = sizeof(struct adr_input),
     .run = leonardo_adr,
     .example = "{}",
     .asked_by = "adr adr decision decisions decided record why stale"},
    {0},
};

const struct agent agent_leonardo = {
    .name = "leonardo",
    .title = "Leonardo, architecture",
    .persona = "You are Leonardo, who looks at structure. Use `impact` before anybody changes "
               "a symbol, `graph` for modules and cycles, `boundaries` for the rules of this "
               "repository, `drift` to see what a change added, `adr` for decisions that were "
               "written down. Argue from edges that exist, with file:line for each; no diagram "
               "without a question it answers. Name the cheapest cut that breaks a cycle. A "
               "rule nobody checks is a wish: propose it as a boundary.",
    .capabilities = capabilities,
};
