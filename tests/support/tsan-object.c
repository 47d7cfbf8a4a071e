/* SPDX-License-Identifier: BSD-3-Clause */

/* For ThreadSanitizer: what orders things inside libgobject and libglib, where it does not look, said in front of the call
 * and behind it. A suppression by the name of a function would depend on how far the stack can be unwound through
 * libraries without frame pointers, and would hide the true races in what these calls run. */

#include <dlfcn.h>
#include <glib-object.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>

/* Declares next: the function of this name that ours stands in front of. */
#define DECLARE_NEXT(function)                                                                     \
    __typeof__(&(function)) next;                                                                  \
    *(void **)&next = dlsym(RTLD_NEXT, #function)

/* The count of GObject is atomic: the thread that drops the last reference, and frees, is no racer of those that dropped
 * theirs before. The class says "acquired" when the last one has gone (SL_ICE_LAST_REFERENCE). */
#undef g_object_unref
void g_object_unref(gpointer object)
{
    DECLARE_NEXT(g_object_unref);
    __tsan_release(object);
    next(object);
}

/* The lists of a context are under its lock, a futex. A transport whose last reference goes in a thread attaches a source,
 * which its context may have run and dropped before the thread lets go of it: then this thread frees a node of a list that
 * another one made. */
__attribute__((no_sanitize_thread)) guint g_source_attach(GSource *source, GMainContext *context)
{
    DECLARE_NEXT(g_source_attach);
    guint id = next(source, context);

    if (source->context != NULL)
        __tsan_release(source->context);
    return id;
}

__attribute__((no_sanitize_thread)) void g_source_unref(GSource *source)
{
    DECLARE_NEXT(g_source_unref);
    GMainContext *context = source->context;

    if (context != NULL)
        __tsan_acquire(context);
    next(source);
    if (context != NULL)
        __tsan_release(context);
}
#endif
