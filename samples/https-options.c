/* SPDX-License-Identifier: BSD-3-Clause */
#include "https-get.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <uriparser/Uri.h>

/* RFC 3986, by liburiparser: what it lets pass holds no white space and no control character. */
static int parse_url(Https *h, const char *url)
{
    UriUriA uri;
    const char *wrong;
    if (uriParseSingleUriA(&uri, url, &wrong) != URI_SUCCESS)
        return 0;
    const char *scheme = uri.scheme.first, *host = uri.hostText.first, *port = uri.portText.first;
    int good = scheme && uri.scheme.afterLast - scheme == 5 &&
               strncasecmp(scheme, "https", 5) == 0 && host && uri.hostText.afterLast > host &&
               !uri.userInfo.first;
    if (good) {
        /* What is behind the authority, less the fragment. */
        const char *target = host + strcspn(host, "/?#");
        h->host = strndup(host, (size_t)(uri.hostText.afterLast - host));
        h->port = port && uri.portText.afterLast > port ? atoi(port) : 443;
        good = h->host && h->port > 0 && h->port < 65536 &&
               asprintf(&h->target, "%s%.*s", *target == '/' ? "" : "/", (int)strcspn(target, "#"),
                        target) > 0;
    }
    uriFreeUriMembersA(&uri);
    return good;
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = strdup(by);
}

int https_options(Https *h, int argc, char **argv)
{
    static const struct option options[] = {{"ca", required_argument, NULL, 'c'},
                                            {"fingerprint", required_argument, NULL, 'f'},
                                            {"alpn", required_argument, NULL, 'a'},
                                            {"insecure", no_argument, NULL, 'i'},
                                            {"repeat", required_argument, NULL, 'r'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "v", options, NULL)) != -1)
        switch (c) {
        case 'c':
            replace(&h->ca, optarg);
            break;
        case 'f':
            replace(&h->fingerprint, optarg);
            break;
        case 'a':
            replace(&h->alpn, optarg);
            break;
        case 'i':
            h->insecure = 1;
            break;
        case 'r':
            h->repeat = atoi(optarg);
            break;
        case 'v':
            h->verbose = 1;
            break;
        default:
            h->repeat = 0;
        }
    if (h->repeat > 0 && argc - optind == 1 && parse_url(h, argv[optind]))
        return 0;
    fprintf(stderr,
            "usage: %s [--ca FILE | --fingerprint 'sha-256 ...' | --insecure] [--alpn http/1.1] "
            "[--repeat N] [-v] https://HOST[:PORT]/PATH\n",
            *argv);
    return 2;
}
