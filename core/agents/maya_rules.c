// The rules of a11y as findings have them. Sorted by id; ids are stable: users mute by them.
#include "core/agents/maya.h"

#include "core/base/mem.h"

#include <string.h>

#define MAYA(id, title, why, fix)                                                                  \
    { id, "maya", title, why, fix, SEVERITY_WARNING, 90, false, false }

static const struct rule rules[] = {
    MAYA("aria-unknown", "no such ARIA attribute",
         "It does nothing: what was meant to be said is not said (WCAG 4.1.2).",
         "Write the attribute that was meant."),
    MAYA("autoplay", "plays sound by itself",
         "Who listens to a screen reader hears both at once (WCAG 1.4.2).",
         "Let people start it, or mute it."),
    MAYA("click-only", "works by mouse only",
         "It cannot be reached or used with a keyboard (WCAG 2.1.1).",
         "Use a <button>, or add role, tabindex=\"0\" and a key handler."),
    MAYA("contrast", "too little contrast", "Weak eyes cannot read it (WCAG 1.4.3).",
         "Text needs 4.5 : 1 (3 : 1 when it is large)."),
    MAYA("control-label", "form control without a label",
         "A screen reader cannot say what it is for (WCAG 3.3.2).",
         "Give it a <label for>, or aria-label."),
    MAYA("frame-title", "frame without a title",
         "A screen reader cannot say what it holds (WCAG 4.1.2).", "Say in title what it holds."),
    MAYA("heading-order", "heading level left out",
         "Who jumps from heading to heading misses a level (WCAG 1.3.1).",
         "Do not leave levels out."),
    MAYA("image-alt", "image without alt", "A screen reader reads its file name (WCAG 1.1.1).",
         "Say what it shows in alt, or alt=\"\" when it is decoration."),
    MAYA("name-missing", "button or link without a name",
         "A screen reader can only say that it is there (WCAG 4.1.2, 2.4.4).",
         "Put words inside, or aria-label for an icon."),
    MAYA("page-language", "page without a language",
         "It is read with the wrong voice (WCAG 3.1.1).", "Write <html lang=\"…\">."),
    MAYA("same-id", "id used twice", "Labels and descriptions reach the first only (WCAG 1.3.1).",
         "Make them different."),
    MAYA("tab-order", "tabindex above 0", "It jumps ahead of the whole page (WCAG 2.4.3).",
         "Use 0 and the order of the source."),
    MAYA("zoom-off", "zooming is switched off", "Weak eyes cannot make it larger (WCAG 1.4.4).",
         "Leave user-scalable and maximum-scale out."),
};

const struct rule *maya_rule_find(const char *id, size_t n) {
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (strncmp(rules[i].id, id, n) == 0 && rules[i].id[n] == '\0')
            return &rules[i];
    return NULL;
}
