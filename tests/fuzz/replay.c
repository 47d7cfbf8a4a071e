/* SPDX-License-Identifier: BSD-3-Clause */

/* A fuzz target without a fuzzer: runs it on files and says so in TAP. Without arguments these are the target's own
 * corpus: that of fuzz-demux is corpus/demux. Options of libFuzzer's are ignored. */

#include "fuzz.h"

#include <dirent.h>

#define LARGEST (1 << 20)
#define FILES_MAX 4096

static char *files[FILES_MAX];
static int n_files;

static void add_file(const char *path)
{
    if (n_files < FILES_MAX)
        files[n_files++] = strdup(path);
}

static void add(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char inside[4096];

    if (!folder) {
        add_file(path);
        return;
    }
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.' &&
            snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name) < (int)sizeof inside)
            add_file(inside);
    closedir(folder);
}

static void add_corpus(const char *program)
{
    const char *top = getenv("abs_top_srcdir"), *slash = strrchr(program, '/');
    char path[4096];

    if (slash)
        program = slash + 1;
    if (strncmp(program, "lt-", 3) == 0) /* libtool's own name for a program not installed yet */
        program += 3;
    if (strncmp(program, "fuzz-", 5) == 0)
        program += 5;
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", top ? top : ".", program);
    add(path);
}

static int by_name(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;

    return strcmp(*left, *right);
}

/* A finding ends the program: then the plan is not kept, and that is a failure. */
static int run(const char *path)
{
    static uint8_t buffer[LARGEST];
    FILE *file = fopen(path, "rb");
    uint8_t *copy;
    size_t len;

    if (!file)
        return 0;
    len = fread(buffer, 1, sizeof buffer, file);
    if (ferror(file)) {
        fclose(file);
        return 0;
    }
    fclose(file);
    copy = exact_copy(buffer, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    return 1;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-')
            add(argv[i]);
    if (!n_files)
        add_corpus(argv[0]);
    qsort(files, (size_t)n_files, sizeof *files, by_name);
    printf("1..%d\n", n_files);
    for (int i = 0; i < n_files; i++) {
        const char *slash = strrchr(files[i], '/');
        int ok;

        fflush(stdout);
        ok = run(files[i]);
        failed += !ok;
        printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, slash ? slash + 1 : files[i]);
        free(files[i]);
    }
    return failed != 0 || n_files == 0;
}
