// What opens and what releases, language by language.
#include "core/code/checks_leak.h"

#include <string.h>

struct leak_row {
    const char *opens, *releases, *borrows;
};

// --- C

static const char C_MEMORY[] =
    "memset memcpy memmove memcmp strcpy strncpy strcat strncat strlen strcmp strncmp strchr "
    "strstr "
    "strrchr snprintf sprintf vsnprintf printf fprintf fread fwrite read write recv send fgets "
    "bzero strcasecmp sscanf strtol atoi atol strtoul puts fputs strtok strtok_r qsort perror "
    "memchr strspn strcspn getcwd readlink";
static const char C_FILE[] =
    "fread fwrite fgets fputs fputc fgetc getc putc fprintf vfprintf fscanf fseek fseeko ftell "
    "ftello rewind feof ferror clearerr fileno fflush setvbuf setbuf ungetc getline getdelim";
static const char C_FD[] =
    "read write pread pwrite lseek fstat fsync fdatasync ftruncate fcntl ioctl flock fchmod fchown "
    "setsockopt getsockopt connect bind listen send recv sendto recvfrom isatty readv writev "
    "posix_fadvise sendfile accept accept4 getsockname getpeername tcgetattr tcsetattr";

static const struct leak_row c_rows[] = {
    {"fopen tmpfile", "fclose", C_FILE},
    {"popen", "pclose", C_FILE},
    {"open socket accept accept4 mkstemp creat openat", "close closesocket", C_FD},
    {"opendir fdopendir", "closedir", "readdir rewinddir dirfd seekdir telldir"},
    {"malloc calloc strdup strndup", "free", C_MEMORY},
};

static bool is_comparison(const struct checks *c, uint32_t i) {
    uint32_t op = check_role(c, i) == ROLE_BINARY ? check_operator(c, i) : 0;
    enum role role = op ? check_role(c, op) : ROLE_NONE;
    return role == ROLE_OP_EQUAL || role == ROLE_OP_UNEQUAL || role == ROLE_OP_COMPARE;
}

static bool is_logic(const struct checks *c, uint32_t i) {
    uint32_t op = check_role(c, i) == ROLE_BINARY ? check_operator(c, i) : 0;
    return op && (check_role(c, op) == ROLE_OP_AND || check_role(c, op) == ROLE_OP_OR);
}

// Asked in a condition; a result kept elsewhere says something that we do not follow.
static enum mention test_or_escape(const struct checks *c, uint32_t at) {
    const struct node *nodes = c->s->nodes;
    for (uint32_t up = nodes[at].parent; up; at = up, up = nodes[up].parent) {
        enum role role = check_role(c, up);
        if (role == ROLE_IF || role == ROLE_WHILE || role == ROLE_TERNARY || role == ROLE_FOR ||
            role == ROLE_DO)
            return nodes[at].field == FIELD_ROLE_CONDITION ? MENTION_TEST : MENTION_ESCAPE;
        if (role != ROLE_PARENTHESES && role != ROLE_UNARY && !is_comparison(c, up) &&
            !is_logic(c, up))
            return MENTION_ESCAPE;
    }
    return MENTION_ESCAPE;
}

static enum mention argument_c(struct checks *c, const struct leak *leak, uint32_t call) {
    uint32_t callee = check_role(c, call) == ROLE_CALL ? check_callee(c, call) : 0;
    if (!callee)
        return MENTION_ESCAPE;
    if (check_one_of(c, callee, leak->row->releases))
        return MENTION_RELEASE;
    return check_one_of(c, callee, leak->row->borrows) ? MENTION_BORROW : MENTION_ESCAPE;
}

static enum mention classify_c(struct checks *c, const struct leak *leak, uint32_t name) {
    const struct node *nodes = c->s->nodes;
    uint32_t at = name, parent = nodes[at].parent;
    while (check_role(c, parent) == ROLE_PARENTHESES || check_role(c, parent) == ROLE_CAST) {
        at = parent;
        parent = nodes[at].parent;
        if (check_role(c, parent) == ROLE_IF || check_role(c, parent) == ROLE_WHILE)
            return MENTION_TEST;
    }
    if (nodes[name].field == FIELD_ROLE_DECLARATOR)
        return MENTION_NONE;
    switch (check_role(c, parent)) {
    case ROLE_ARGUMENTS:
        return argument_c(c, leak, nodes[parent].parent);
    case ROLE_UNARY: {
        if (check_starts_with(c, parent, "&"))
            return MENTION_GIVE_UP;
        return check_starts_with(c, parent, "!") ? test_or_escape(c, parent) : MENTION_BORROW;
    }
    case ROLE_MEMBER:
    case ROLE_INDEX:
        return nodes[at].field == FIELD_ROLE_OBJECT ? MENTION_BORROW : MENTION_ESCAPE;
    case ROLE_ASSIGN:
        // Given another value: whoever has the first one is unknown.
        return MENTION_ESCAPE;
    case ROLE_BINARY:
        return is_comparison(c, parent) || is_logic(c, parent) ? test_or_escape(c, at)
                                                               : MENTION_ESCAPE;
    case ROLE_RETURN: // its own way out is looked at there
        return MENTION_NONE;
    default:
        return check_role(c, parent) == ROLE_NONE &&
                       syntax_type_is(c->s, parent, "sizeof_expression")
                   ? MENTION_BORROW
                   : MENTION_ESCAPE;
    }
}

static const struct leak_language language_c = {classify_c, "released", true};

// Declared in this function, without `static` and without an attribute that releases it.
static bool is_local(struct checks *c, uint32_t function, uint32_t name) {
    const struct node *nodes = c->s->nodes;
    size_t n, m;
    const char *text = syntax_text(c->s, name, &n);
    if (!function || !check_spend(c, function))
        return false;
    for (uint32_t k = function; k < nodes[function].next; k++) {
        if (nodes[k].role != ROLE_IDENTIFIER || nodes[k].field != FIELD_ROLE_DECLARATOR)
            continue;
        const char *its = syntax_text(c->s, k, &m);
        if (n != m || memcmp(its, text, n) != 0)
            continue;
        uint32_t up = nodes[k].parent;
        while (check_role(c, up) == ROLE_DECLARATOR || check_role(c, up) == ROLE_NONE)
            up = nodes[up].parent;
        size_t bytes = nodes[k].start - nodes[up].start;
        const char *head = c->s->text + nodes[up].start;
        return check_role(c, up) == ROLE_VARIABLE && !memmem(head, bytes, "static", 6) &&
               !memmem(head, bytes, "cleanup", 7) && !memmem(head, bytes, "AUTO", 4) &&
               !memmem(head, bytes, "auto", 4);
    }
    return false;
}

static uint32_t through_cast(const struct checks *c, uint32_t value) {
    value = check_unwrap(c, value);
    if (check_role(c, value) != ROLE_CAST)
        return value;
    uint32_t inner = syntax_child(c->s, value, FIELD_ROLE_VALUE);
    return inner ? inner : value;
}

static bool is_main(const struct checks *c, uint32_t i) {
    uint32_t function = check_function(c, i);
    uint32_t name = function ? syntax_name(c->s, function) : 0;
    return name && syntax_text_is(c->s, name, "main");
}

static void open_c(struct checks *c, uint32_t i) {
    bool declares = check_role(c, i) == ROLE_DECLARATOR;
    uint32_t value = syntax_child(c->s, i, declares ? FIELD_ROLE_VALUE : FIELD_ROLE_RIGHT);
    value = value ? through_cast(c, value) : 0;
    if (!value || check_role(c, value) != ROLE_CALL)
        return;
    uint32_t callee = check_callee(c, value);
    if (!callee || check_role(c, callee) != ROLE_IDENTIFIER)
        return;
    uint32_t name = declares ? syntax_name(c->s, i) : check_left(c, i);
    if (!name || check_role(c, name) != ROLE_IDENTIFIER)
        return;
    for (size_t k = 0; k < sizeof c_rows / sizeof c_rows[0]; k++) {
        if (!check_one_of(c, callee, c_rows[k].opens))
            continue;
        struct leak leak = {.language = &language_c, .row = &c_rows[k], .open = i, .name = name};
        if (is_local(c, check_function(c, i), name) && !is_main(c, i))
            leak_check(c, &leak);
        return;
    }
}

// --- the others: objects with methods

static const struct leak_row go_row = {
    "os.Open os.Create os.OpenFile os.CreateTemp ioutil.TempFile net.Dial net.DialTimeout "
    "http.Get http.Post zip.OpenReader sql.Open tls.Dial",
    "Close",
    "io.Copy io.CopyN io.ReadAll io.ReadFull io.WriteString ioutil.ReadAll bufio.NewReader "
    "bufio.NewScanner bufio.NewWriter json.NewDecoder json.NewEncoder fmt.Fprintf fmt.Fprintln "
    "fmt.Fprint fmt.Fscanf io.LimitReader csv.NewReader xml.NewDecoder gob.NewDecoder "
    "gob.NewEncoder binary.Read binary.Write io.MultiWriter io.TeeReader"};
static const struct leak_row python_row = {
    "open io.open codecs.open gzip.open bz2.open lzma.open tarfile.open zipfile.ZipFile "
    "socket.socket os.fdopen",
    "close",
    "json.load json.dump pickle.load pickle.dump csv.reader csv.writer csv.DictReader "
    "csv.DictWriter yaml.load yaml.safe_load yaml.dump print list enumerate iter next len str repr "
    "shutil.copyfileobj configparser.read_file isinstance sorted set tuple dict zip bool sum max "
    "min"};
static const struct leak_row java_row = {
    "FileInputStream FileOutputStream FileReader FileWriter RandomAccessFile Socket ServerSocket "
    "ZipFile JarFile ZipInputStream",
    "close closeQuietly", ""};
static const struct leak_row ruby_row = {"open new", "close", ""};

// A member chain that starts with the name: f.Close, resp.Body.Close.
static uint32_t chain_top(const struct checks *c, uint32_t name) {
    uint32_t at = name;
    while (check_role(c, c->s->nodes[at].parent) == ROLE_MEMBER &&
           c->s->nodes[at].field == FIELD_ROLE_OBJECT)
        at = c->s->nodes[at].parent;
    return at;
}

static enum mention argument(struct checks *c, const struct leak *leak, uint32_t arguments) {
    uint32_t call = c->s->nodes[arguments].parent;
    uint32_t callee = check_role(c, call) == ROLE_CALL ? check_callee(c, call) : 0;
    if (!callee)
        return MENTION_ESCAPE;
    if (check_is(c, LANG_JAVA))
        return check_one_of(c, callee, leak->row->releases) ? MENTION_RELEASE : MENTION_ESCAPE;
    return check_one_of(c, callee, leak->row->borrows) ? MENTION_BORROW : MENTION_ESCAPE;
}

static enum mention classify_object(struct checks *c, const struct leak *leak, uint32_t name) {
    const struct node *nodes = c->s->nodes;
    uint32_t parent = nodes[name].parent;
    if ((check_role(c, parent) == ROLE_MEMBER && nodes[name].field == FIELD_ROLE_PROPERTY) ||
        (check_role(c, parent) == ROLE_PAIR && nodes[name].field == FIELD_ROLE_NAME))
        return MENTION_NONE;
    uint32_t top = chain_top(c, name), above = nodes[top].parent;
    uint32_t property = top != name ? syntax_child(c->s, top, FIELD_ROLE_PROPERTY) : 0;
    bool called = check_role(c, above) == ROLE_CALL;
    if (check_is(c, LANG_JAVA) && called && nodes[name].field == FIELD_ROLE_OBJECT)
        property = check_callee(c, above);
    if (check_is(c, LANG_RUBY) && called && nodes[name].field == FIELD_ROLE_RECEIVER)
        property = check_callee(c, above);
    bool closure = check_function(c, name) != leak->function;
    if (closure && !syntax_ancestor(c->s, name, ROLE_DEFER)) // runs who knows when
        return MENTION_GIVE_UP;
    if (property && check_one_of(c, property, leak->row->releases))
        return MENTION_RELEASE;
    if (closure)
        return MENTION_GIVE_UP;
    if (property && check_one_of(c, property,
                                 "getChannel getFD getInputStream getOutputStream "
                                 "fileno makefile detach Fd SyscallConn"))
        return MENTION_ESCAPE; // lives on in what it gives
    if (property && called)
        return MENTION_BORROW;
    if (property && check_is(c, LANG_GO))
        return check_role(c, above) == ROLE_ARGUMENTS && syntax_text_is(c->s, property, "Body")
                   ? argument(c, leak, above)
                   : MENTION_BORROW;
    if (property && check_is(c, LANG_PYTHON))
        return MENTION_BORROW;
    switch (check_role(c, above)) {
    case ROLE_ARGUMENTS:
        return argument(c, leak, above);
    case ROLE_FOR: // for line in f
        return nodes[top].field == FIELD_ROLE_RIGHT ? MENTION_BORROW : MENTION_ESCAPE;
    case ROLE_PAIR: // print(x, file=f)
        return check_is(c, LANG_PYTHON) && check_role(c, nodes[above].parent) == ROLE_ARGUMENTS
                   ? argument(c, leak, nodes[above].parent)
                   : MENTION_ESCAPE;
    case ROLE_BINARY:
    case ROLE_UNARY:
    case ROLE_IF:
    case ROLE_PARENTHESES:
        return test_or_escape(c, top);
    case ROLE_NONE: // with f:, try (f)
        if (syntax_type_is(c->s, above, "with_item") || syntax_type_is(c->s, above, "resource") ||
            syntax_type_is(c->s, above, "resource_specification"))
            return MENTION_RELEASE;
        return MENTION_ESCAPE;
    default:
        return MENTION_ESCAPE;
    }
}

static const struct leak_language language_object = {classify_object, "closed", false};

static void open_go(struct checks *c, uint32_t i) {
    uint32_t left = check_left(c, i), right = check_right(c, i);
    uint32_t name = left ? check_named(c, left, 0) : 0, error = name ? check_named(c, left, 1) : 0;
    uint32_t call = right ? check_named(c, right, 0) : 0;
    uint32_t callee = call && check_role(c, call) == ROLE_CALL ? check_callee(c, call) : 0;
    if (!error || !callee || check_role(c, name) != ROLE_IDENTIFIER ||
        syntax_text_is(c->s, name, "_") || !check_one_of(c, callee, go_row.opens) || is_main(c, i))
        return;
    uint32_t op = check_operator(c, i);
    if (!op || !syntax_text_is(c->s, op, ":=")) // a variable from outside may live on
        return;
    struct leak leak = {
        .language = &language_object, .row = &go_row, .open = i, .name = name, .error = error};
    leak_check(c, &leak);
}

static void open_python(struct checks *c, uint32_t i) {
    uint32_t name = check_left(c, i), call = check_right(c, i);
    uint32_t callee = call && check_role(c, call) == ROLE_CALL ? check_callee(c, call) : 0;
    uint32_t function = check_function(c, i);
    if (!name || check_role(c, name) != ROLE_IDENTIFIER || !callee || !function ||
        !check_one_of(c, callee, python_row.opens) || check_has_text(c, function, "global") ||
        check_has_text(c, function, "nonlocal") || check_has_text(c, call, "BytesIO"))
        return;
    struct leak leak = {.language = &language_object, .row = &python_row, .open = i, .name = name};
    leak_check(c, &leak);
}

// open(path).read(), json.load(open(path))
static void chain_python(struct checks *c, uint32_t i) {
    const struct node *nodes = c->s->nodes;
    uint32_t callee = check_callee(c, i), parent = nodes[i].parent, above = nodes[parent].parent;
    if (!callee || !syntax_text_is(c->s, callee, "open") || !check_function(c, i) || c->test)
        return;
    uint32_t property =
        check_role(c, parent) == ROLE_MEMBER ? syntax_child(c->s, parent, FIELD_ROLE_PROPERTY) : 0;
    bool read = property && check_role(c, above) == ROLE_CALL &&
                check_one_of(c, property, "read readlines readline write writelines");
    uint32_t outer = check_role(c, parent) == ROLE_ARGUMENTS && check_role(c, above) == ROLE_CALL
                         ? check_callee(c, above)
                         : 0;
    bool loaded = outer && check_one_of(c, outer,
                                        "json.load pickle.load yaml.load yaml.safe_load "
                                        "json.dump pickle.dump");
    if (!(read || loaded) || check_commented(c, i))
        return;
    struct finding *f = check_report(c, "resource-leak", i, "nobody closes this file");
    if (f)
        f->confidence = 85;
}

static bool makes(struct checks *c, uint32_t value, const char *types) {
    if (check_role(c, value) != ROLE_NEW || !check_spend(c, value))
        return false;
    for (uint32_t k = value; k < c->s->nodes[value].next; k++)
        if (check_role(c, k) == ROLE_NEW) {
            uint32_t type = syntax_child(c->s, k, FIELD_ROLE_TYPE);
            if (type && check_one_of(c, type, types))
                return true;
        }
    return false;
}

static void open_java(struct checks *c, uint32_t i) {
    uint32_t value = syntax_child(c->s, i, FIELD_ROLE_VALUE);
    uint32_t name = syntax_child(c->s, i, FIELD_ROLE_NAME);
    if (!value || !name || check_role(c, c->s->nodes[i].parent) != ROLE_VARIABLE ||
        !check_function(c, i) || !makes(c, value, java_row.opens) || is_main(c, i))
        return;
    struct leak leak = {.language = &language_object, .row = &java_row, .open = i, .name = name};
    leak_check(c, &leak);
}

static void open_ruby(struct checks *c, uint32_t i) {
    uint32_t name = check_left(c, i), call = check_right(c, i);
    if (!name || !call || check_role(c, name) != ROLE_IDENTIFIER ||
        check_role(c, call) != ROLE_CALL || syntax_child_role(c->s, call, ROLE_LAMBDA))
        return;
    uint32_t receiver = syntax_child(c->s, call, FIELD_ROLE_RECEIVER);
    uint32_t method = check_callee(c, call);
    if (!receiver || !method || !syntax_text_is(c->s, receiver, "File") ||
        !check_one_of(c, method, ruby_row.opens) || *check_text(c, name) == '@' ||
        *check_text(c, name) == '$')
        return;
    struct leak leak = {.language = &language_object, .row = &ruby_row, .open = i, .name = name};
    leak_check(c, &leak);
}

const struct check_row checks_leak[] = {
    {CHECK_C, ROLE_DECLARATOR, open_c},      {CHECK_C, ROLE_ASSIGN, open_c},
    {LANG(GO), ROLE_ASSIGN, open_go},        {LANG(PYTHON), ROLE_ASSIGN, open_python},
    {LANG(PYTHON), ROLE_CALL, chain_python}, {LANG(JAVA), ROLE_DECLARATOR, open_java},
    {LANG(RUBY), ROLE_ASSIGN, open_ruby},    {0, 0, NULL},
};
