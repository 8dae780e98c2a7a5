/* options.c - see options.h. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "option_syntax.h"

enum { RING_FD = 1, STATUS_FD, OUTPUT, PID, RING_PATH, OPTIONS_TEXT, RING, DEAD, LIMIT, RESUME, HELP, VERSION };

static const struct option long_options[] = {
    {"ring-fd", required_argument, NULL, RING_FD},
    {"status-fd", required_argument, NULL, STATUS_FD},
    {"output", required_argument, NULL, OUTPUT},
    {"pid", required_argument, NULL, PID},
    {"ring-path", required_argument, NULL, RING_PATH},
    {"options", required_argument, NULL, OPTIONS_TEXT},
    {"ring", required_argument, NULL, RING},
    {"dead", no_argument, NULL, DEAD},
    {"resume", required_argument, NULL, RESUME},
    {"limit", required_argument, NULL, LIMIT},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {0},
};

static const char help_text[] =
    "usage: seep-collect --resume FILE [--dead]\n"
    "       seep-collect --ring FILE --output FILE [--dead] [--limit SIZE]\n"
    "       seep-collect --ring-fd N --status-fd N --output FILE --pid PID [--ring-path FILE] [--options TEXT]\n"
    "                    [--limit SIZE]\n"
    "\n"
    "Moves the events of a traced process from its ring to a trace. libseep.so starts it with the last form;\n"
    "the first goes on where a collector was killed (every seep command that reads the trace does so by itself), in the\n"
    "background if any process is alive; the second makes a trace of the ring of a dead process where no collector could "
    "run:\n"
    "\n"
    "  seep-collect --resume server.seep\n"
    "  seep-collect --ring server.1234.ring --output server.seep\n"
    "\n"
    "  --resume FILE     the trace; FILE.state and FILE.ring-... must lie beside it as they were left\n"
    "  --ring FILE       the ring; its target must be dead\n"
    "  --dead            believe that all traced processes are dead, although one with such a number exists\n"
    "  --output FILE     the trace to create; it must not exist\n"
    "  --limit SIZE      keep the trace below that size, 1M to 1024G: the oldest events become totals (0: no limit)\n"
    "  --ring-fd N       descriptor of the ring\n"
    "  --status-fd N     descriptor to answer on: \"ok\", or what is wrong\n"
    "  --pid PID         the target\n"
    "  --ring-path FILE  remove the ring's name at the end\n"
    "  --options TEXT    kept in the trace\n"
    "  --help, --version\n";

static bool take_number(const char *text, long most, long *number) {
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= 0 && *number <= most;
}

static bool take_option(struct options *o, int option, const char *text) {
    long number = 0;
    switch (option) {
    case RING_FD:
    case STATUS_FD:
        if (!take_number(text, INT32_MAX, &number)) {
            return false;
        }
        *(option == RING_FD ? &o->ring_fd : &o->status_fd) = (int)number;
        return true;
    case PID:
        o->pid = take_number(text, INT32_MAX, &number) ? (uint32_t)number : 0;
        return o->pid != 0;
    case OUTPUT:
        o->output = text;
        return true;
    case OPTIONS_TEXT:
        o->text = text;
        return true;
    case RING:
        o->is_offline = true;
        o->ring_path = text;
        return true;
    case LIMIT:
        return option_limit(text, &o->limit_bytes);
    case RING_PATH:
        o->ring_path = *text ? text : NULL;
        return true;
    case RESUME:
        o->resumed = text;
        return true;
    case DEAD:
        o->is_dead = true;
        return true;
    default:
        return false;
    }
}

enum options_result options_parse(struct options *o, int argc, char **argv) {
    *o = (struct options){.ring_fd = -1, .status_fd = -1, .text = ""};
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == HELP || option == VERSION) {
            fputs(option == HELP ? help_text : "seep-collect " SEEP_VERSION "\n", stdout);
            return OPTIONS_DONE;
        }
        if (option == '?') {
            return OPTIONS_WRONG; /* getopt_long has said why */
        }
        if (!take_option(o, option, optarg)) {
            fprintf(stderr, "seep-collect: wrong argument: %s\n", optarg);
            return OPTIONS_WRONG;
        }
    }
    if (o->resumed && optind == argc && !o->output && !o->ring_path && o->ring_fd < 0) {
        return OPTIONS_RUN;
    }
    if (o->resumed || optind != argc || !o->output || (o->ring_fd < 0) != o->is_offline) {
        fputs("seep-collect: needs --resume alone, or --output and one of --ring and --ring-fd; see --help\n", stderr);
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}
