/* options.c - see options.h. */
#include "options.h"

#include <string.h>

#include "diag.h"

int option_format(const char *text, bool *is_json) {
    *is_json = strcmp(text, "json") == 0;
    if (!*is_json && strcmp(text, "text") != 0) {
        diag_error("--format: not one of text, json: %s", text);
        return -1;
    }
    return 0;
}

void option_refuse(const char *command, int code, const char *argument) {
    if (code == ':') {
        diag_error("%s: '%s' needs a value; see seep %s --help", command, argument, command);
    } else {
        diag_error("%s: cannot make sense of '%s'; see seep %s --help", command, argument, command);
    }
}
