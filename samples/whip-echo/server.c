/* SPDX-License-Identifier: BSD-3-Clause */
#include "server.h"
#include "events.h"
#include "listen.h"
#include "obituaries.h"
#include "own-offer.h"
#include "page.h"
#include "refusal.h"
#include "reply.h"
#include "sdp-text.h"

#include <malloc.h>
#include <string.h>

#define WHIP_PATH "/whip"
#define OFFER_PATH "/offer"
#define STATS_PATH "/stats"

struct WhipServer {
    const WhipEnvironment *environment;
    SoupServer *http;
    GSocketService *service;
    char *url;
    GHashTable *sessions; /* by id; those that are on their way out among them */
    WhipObituaries *obituaries;
    GFunc done; /* stopping */
    gpointer user_data;
};

/* ---- what every request has to keep to ---- */

static void note_refusal(SoupServerMessage *message)
{
    guint status = soup_server_message_get_status(message);
    SoupMessageBody *body = soup_server_message_get_response_body(message);
    JsonBuilder *event = whip_event_begin("refused", NULL);
    g_autoptr(GBytes) bytes = soup_message_body_flatten(body);
    gsize len;
    const char *text = g_bytes_get_data(bytes, &len);
    g_autofree char *sentence = g_strndup(text != NULL ? text : "", len);

    whip_json_string(event, "method", soup_server_message_get_method(message));
    whip_json_int(event, "status", status);
    whip_json_string(event, "why", g_strchomp(sentence));
    whip_event_end(event);
}

static void refuse(SoupServerMessage *message, guint status, const char *sentence)
{
    whip_reply_refused(message, status, sentence);
    note_refusal(message);
}

static void refuse_error(SoupServerMessage *message, const GError *error)
{
    whip_reply_error(message, error);
    note_refusal(message);
}

static void refuse_size(SoupServerMessage *message)
{
    g_autofree char *sentence =
        g_strdup_printf("The body is larger than %d bytes.", WHIP_SDP_MAX_BYTES);

    if (soup_server_message_get_status(message) != 0)
        return;
    whip_reply_header(message, "Connection", "close"); /* the rest of it is not waited for */
    refuse(message, 413, sentence);
}

typedef struct {
    gsize received;
} Body;

static void on_chunk(SoupServerMessage *message, GBytes *chunk, gpointer user_data)
{
    Body *body = user_data;

    body->received += g_bytes_get_size(chunk);
    if (body->received <= WHIP_SDP_MAX_BYTES)
        return;
    soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
    refuse_size(message);
}

/* What libsoup refuses by itself has a sentence too: whatever is answered to a message that is read replaces this one. */
static void on_started(SoupServer *http, SoupServerMessage *message, gpointer user_data)
{
    static const char sentence[] = "This is no request that a server of HTTP understands.\n";

    (void)http, (void)user_data;
    soup_server_message_set_response(message, "text/plain; charset=utf-8", SOUP_MEMORY_STATIC,
                                     sentence, strlen(sentence));
}

/* libsoup takes -3 for a length and warns of it, and what is too large for a number of bytes that end with the connection. */
static gboolean check_length(const char *text)
{
    guint64 length;

    return text == NULL || whip_sdp_number(text, G_MAXINT64, &length);
}

/* Before the body is read: libsoup keeps all of it. */
static void on_headers(SoupServer *http, SoupServerMessage *message, const char *path,
                       GHashTable *query, gpointer user_data)
{
    SoupMessageHeaders *headers = soup_server_message_get_request_headers(message);

    (void)http, (void)path, (void)query, (void)user_data;
    if (!check_length(soup_message_headers_get_one(headers, "Content-Length"))) {
        whip_reply_abruptly(message, 400, "The Content-Length is no length.");
        return;
    }
    if (soup_message_headers_get_encoding(headers) == SOUP_ENCODING_CONTENT_LENGTH &&
        soup_message_headers_get_content_length(headers) > WHIP_SDP_MAX_BYTES)
        refuse_size(message);
    else
        g_signal_connect_data(message, "got-chunk", G_CALLBACK(on_chunk), g_new0(Body, 1),
                              (GClosureNotify)(void (*)(void))g_free, (GConnectFlags)0);
}

static gboolean has_type(SoupServerMessage *message, const char *wanted)
{
    const char *type = soup_message_headers_get_content_type(
        soup_server_message_get_request_headers(message), NULL);

    return type != NULL && g_ascii_strcasecmp(type, wanted) == 0;
}

static void refuse_method(SoupServerMessage *message, const char *allowed)
{
    g_autofree char *sentence = g_strdup_printf("This takes %s.", allowed);

    whip_reply_header(message, "Allow", allowed);
    refuse(message, 405, sentence);
}

/* ---- sessions ---- */

static WhipSession *find_session(WhipServer *self, const char *id)
{
    WhipSession *session = g_hash_table_lookup(self->sessions, id);

    return session != NULL && !whip_session_is_ending(session) ? session : NULL;
}

/* What waits for an answer, and whose it is. */
typedef struct {
    WhipServer *server;
    WhipPending *pending; /* NULL: answered */
} Offerer;

/* What many sessions at a time had is free, but in pieces that glibc keeps for itself: a hundred megabytes after five hundred
 * sessions, of which one and a half are in use. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void on_gone(WhipSession *session, gpointer user_data)
{
    Offerer *offerer = user_data;
    WhipServer *self = offerer->server;

    whip_obituaries_note(self->obituaries, session);
    g_hash_table_remove(self->sessions, whip_session_get_id(session));
    g_free(offerer);
    if (g_hash_table_size(self->sessions) == 0)
        give_memory_back();
    if (self->done != NULL && g_hash_table_size(self->sessions) == 0)
        self->done(self, self->user_data);
}

static void on_answered(WhipSession *session, const char *text, const GError *error,
                        gpointer user_data)
{
    Offerer *offerer = user_data;
    WhipPending *pending = g_steal_pointer(&offerer->pending);
    SoupServerMessage *message = whip_pending_get(pending);

    if (message == NULL) {
        if (error == NULL)
            whip_session_end(session, "hung-up"); /* nobody knows its address */
    } else if (error != NULL) {
        refuse_error(message, error);
    } else {
        g_autofree char *location = g_strconcat(WHIP_PATH "/", whip_session_get_id(session), NULL);
        whip_reply(message, 201, WHIP_SDP_TYPE, text);
        whip_reply_header(message, "Location", location);
        whip_reply_header(message, "ETag", whip_session_get_etag(session));
        whip_reply_header(message, "Accept-Patch", WHIP_FRAGMENT_TYPE);
    }
    whip_pending_finish(pending);
}

/* Our own role was fixed by --role, and the offer leaves the other one only. */
static gboolean check_role(const WhipServer *self, const WhipOffer *offer, GError **error)
{
    SluiceRole ours = self->environment->options->dtls_role;

    if (self->environment->options->lite && offer->lite)
        return whip_refuse(error, 400, "Client and server are both ICE-lite: nobody would check.");
    for (guint i = 0; i < offer->transports->len; i++) {
        SluiceRole needed = whip_offer_transport(offer, i)->role;
        if (ours != SLUICE_ROLE_AUTO && needed != SLUICE_ROLE_AUTO && needed != ours)
            return whip_refuse(error, 400,
                               "The offer says setup:%s, and this server was told to be %s itself.",
                               needed == SLUICE_ROLE_SERVER ? "active" : "passive",
                               ours == SLUICE_ROLE_SERVER ? "passive" : "active");
    }
    return TRUE;
}

/* Takes @offer over. */
static void begin_session(WhipServer *self, SoupServerMessage *message, WhipOffer *offer)
{
    g_autoptr(GError) error = NULL;

    if (g_hash_table_size(self->sessions) >= (guint)self->environment->options->max_sessions) {
        whip_offer_free(offer);
        whip_reply_header(message, "Retry-After", "5");
        refuse(message, 503, "There are as many sessions as this server was told to take.");
        return;
    }
    Offerer *offerer = g_new0(Offerer, 1);
    offerer->server = self;
    WhipSession *session =
        whip_session_new(self->environment, offer, on_answered, on_gone, offerer, &error);
    if (session == NULL) {
        g_free(offerer);
        refuse_error(message, error);
        return;
    }
    offerer->pending = whip_pending_new(message);
    g_hash_table_insert(self->sessions, (gpointer)whip_session_get_id(session), session);
    whip_event_end(whip_event_begin("offer", whip_session_get_name(session)));
}

static void post(WhipServer *self, SoupServerMessage *message)
{
    g_autoptr(GBytes) body =
        soup_message_body_flatten(soup_server_message_get_request_body(message));
    g_autoptr(GError) error = NULL;
    gsize len;

    if (!has_type(message, WHIP_SDP_TYPE)) {
        whip_reply_header(message, "Accept-Post", WHIP_SDP_TYPE);
        refuse(message, 415, "An offer is " WHIP_SDP_TYPE ".");
        return;
    }
    const char *text = g_bytes_get_data(body, &len);
    WhipOffer *offer = whip_offer_parse(text, len, &error);
    if (offer != NULL && !check_role(self, offer, &error))
        g_clear_pointer(&offer, whip_offer_free);
    if (offer != NULL)
        begin_session(self, message, offer);
    else
        refuse_error(message, error);
}

static void on_patched(WhipSession *session, const char *text, const GError *error,
                       gpointer user_data)
{
    WhipPending *pending = user_data;
    SoupServerMessage *message = whip_pending_get(pending);

    if (message != NULL && error != NULL) {
        refuse_error(message, error);
    } else if (message != NULL) {
        whip_reply(message, text != NULL ? 200 : 204, WHIP_FRAGMENT_TYPE, text);
        if (text != NULL)
            whip_reply_header(message, "ETag", whip_session_get_etag(session));
    }
    whip_pending_finish(pending);
}

/* RFC 9725 section 4.3: If-Match has the tag of the ICE session that the candidates are of, or "*" for a restart. */
static gboolean check_tag(SoupServerMessage *message, const WhipSession *session, GError **error)
{
    const char *tag =
        soup_message_headers_get_one(soup_server_message_get_request_headers(message), "If-Match");

    if (tag == NULL)
        return whip_refuse(error, 428, "A PATCH needs If-Match with the ETag of the ICE session.");
    if (!g_str_equal(tag, "*") && !g_str_equal(tag, whip_session_get_etag(session)))
        return whip_refuse(error, 412, "If-Match is not the ETag of the present ICE session.");
    return TRUE;
}

static void patch(WhipSession *session, SoupServerMessage *message)
{
    g_autoptr(GBytes) body =
        soup_message_body_flatten(soup_server_message_get_request_body(message));
    g_autoptr(GError) error = NULL;
    WhipFragment *fragment = NULL;
    gsize len;
    const char *text = g_bytes_get_data(body, &len);

    if (has_type(message, WHIP_SDP_TYPE) && whip_session_wants_answer(session)) {
        WhipOffer *answer = whip_offer_parse(text, len, &error);
        if (answer != NULL)
            whip_session_take_answer(session, answer, on_patched, whip_pending_new(message));
        else
            refuse_error(message, error);
        return;
    }
    if (!has_type(message, WHIP_FRAGMENT_TYPE)) {
        whip_reply_header(message, "Accept-Patch", WHIP_FRAGMENT_TYPE);
        refuse(message, 415, "A PATCH is " WHIP_FRAGMENT_TYPE ".");
        return;
    }
    if (check_tag(message, session, &error))
        fragment = whip_fragment_parse(text, len, &error);
    if (fragment == NULL)
        refuse_error(message, error);
    else
        whip_session_patch(session, fragment, on_patched, whip_pending_new(message));
}

/* ---- routes ---- */

static void serve_endpoint(WhipServer *self, SoupServerMessage *message, const char *method)
{
    if (g_str_equal(method, "POST")) {
        post(self, message);
    } else if (g_str_equal(method, "OPTIONS")) {
        whip_reply(message, 204, NULL, NULL);
        whip_reply_header(message, "Allow", "POST, OPTIONS");
        whip_reply_header(message, "Accept-Post", WHIP_SDP_TYPE);
    } else {
        refuse_method(message, "POST, OPTIONS");
    }
}

static void serve_offer(WhipServer *self, SoupServerMessage *message, const char *method)
{
    if (g_str_equal(method, "POST"))
        begin_session(self, message, whip_own_offer_new());
    else
        refuse_method(message, "POST");
}

static void serve_session(WhipServer *self, SoupServerMessage *message, const char *method,
                          const char *id)
{
    WhipSession *session = find_session(self, id);

    if (session == NULL) {
        refuse(message, 404, "There is no such session (any more).");
    } else if (g_str_equal(method, "PATCH")) {
        patch(session, message);
    } else if (g_str_equal(method, "DELETE")) {
        whip_session_end(session, "deleted");
        whip_reply(message, 200, NULL, NULL);
    } else if (g_str_equal(method, "OPTIONS")) {
        whip_reply(message, 204, NULL, NULL);
        whip_reply_header(message, "Allow", "PATCH, DELETE, OPTIONS");
        whip_reply_header(message, "Accept-Patch", WHIP_FRAGMENT_TYPE);
    } else {
        refuse_method(message, "PATCH, DELETE, OPTIONS");
    }
}

static void add_all_stats(WhipServer *self, JsonBuilder *builder)
{
    GHashTableIter iter;
    gpointer each;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "sessions");
    json_builder_begin_array(builder);
    g_hash_table_iter_init(&iter, self->sessions);
    while (g_hash_table_iter_next(&iter, NULL, &each))
        if (!whip_session_is_ending(each))
            whip_session_add_stats(each, builder);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
}

/* @id: NULL for all of them. */
static void serve_stats(WhipServer *self, SoupServerMessage *message, const char *id)
{
    WhipSession *session = id != NULL ? find_session(self, id) : NULL;
    JsonBuilder *builder = json_builder_new();

    if (session != NULL) {
        whip_session_add_stats(session, builder);
    } else if (id == NULL) {
        add_all_stats(self, builder);
    } else if (!whip_obituaries_add(self->obituaries, id, builder)) {
        g_object_unref(builder);
        refuse(message, 404, "There is no such session (any more).");
        return;
    }
    g_autofree char *text = whip_json_finish(builder);
    whip_reply(message, 200, "application/json", text);
}

static void on_request(SoupServer *http, SoupServerMessage *message, const char *path,
                       GHashTable *query, gpointer user_data)
{
    WhipServer *self = user_data;
    const char *method = soup_server_message_get_method(message);
    gboolean reads = g_str_equal(method, "GET") || g_str_equal(method, "HEAD");

    (void)http, (void)query;
    if (soup_server_message_get_status(message) != 0)
        return; /* refused by its headers */
    if (g_str_equal(path, WHIP_PATH))
        serve_endpoint(self, message, method);
    else if (g_str_equal(path, OFFER_PATH))
        serve_offer(self, message, method);
    else if (g_str_has_prefix(path, WHIP_PATH "/"))
        serve_session(self, message, method, path + strlen(WHIP_PATH "/"));
    else if (!reads)
        refuse_method(message, "GET");
    else if (g_str_equal(path, STATS_PATH))
        serve_stats(self, message, NULL);
    else if (g_str_has_prefix(path, STATS_PATH "/"))
        serve_stats(self, message, path + strlen(STATS_PATH "/"));
    else if (!whip_page_serve(message, path))
        refuse(message, 404, "There is no such page.");
}

/* ---- life ---- */

WhipServer *whip_server_new(const WhipEnvironment *environment, GError **error)
{
    const WhipOptions *options = environment->options;
    g_autoptr(GSocketAddress) address =
        g_inet_socket_address_new_from_string(options->bind, (guint)options->port);
    WhipServer *self = g_new0(WhipServer, 1);

    self->environment = environment;
    self->sessions = g_hash_table_new(g_str_hash, g_str_equal);
    self->obituaries = whip_obituaries_new();
    self->http = soup_server_new("server-header", "libsluice-whip-echo", NULL);
    g_signal_connect(self->http, "request-started", G_CALLBACK(on_started), NULL);
    soup_server_add_early_handler(self->http, NULL, on_headers, self, NULL);
    soup_server_add_handler(self->http, NULL, on_request, self, NULL);
    self->service = whip_listen(self->http, address, &self->url, error);
    if (self->service == NULL)
        g_clear_pointer(&self, whip_server_free);
    return self;
}

void whip_server_free(WhipServer *self)
{
    g_clear_object(&self->service);
    g_object_unref(self->http);
    g_free(self->url);
    g_hash_table_unref(self->sessions);
    whip_obituaries_free(self->obituaries);
    g_free(self);
}

char *whip_server_get_url(WhipServer *self) { return g_strdup(self->url); }

void whip_server_stop(WhipServer *self, GFunc done, gpointer user_data)
{
    g_autoptr(GList) sessions = g_hash_table_get_values(self->sessions);

    self->done = done;
    self->user_data = user_data;
    g_socket_service_stop(self->service);
    g_clear_object(&self->service); /* closes the port */
    soup_server_disconnect(self->http);
    for (GList *item = sessions; item != NULL; item = item->next)
        whip_session_end(item->data, "server-stopped");
    if (sessions == NULL)
        done(self, user_data);
}
