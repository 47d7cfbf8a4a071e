/* SPDX-License-Identifier: BSD-3-Clause */

/* For ThreadSanitizer. The count of GObject is atomic inside libgobject, where it does not look: it takes the thread
 * that drops the last reference, and frees, for a racer of those that dropped theirs before. So each drop says
 * "released" here, in front of the real one, and the class says "acquired" when the last one has gone
 * (SL_ICE_LAST_REFERENCE). A suppression by the name of a function would depend on how far the stack can be unwound through
 * libraries without frame pointers, and would hide the true races in what a last drop runs. */

#include <dlfcn.h>
#include <glib-object.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>

#undef g_object_unref
void g_object_unref(gpointer object)
{
    static void (*next)(gpointer);

    if (__atomic_load_n(&next, __ATOMIC_RELAXED) == NULL) {
        void (*found)(gpointer);
        *(void **)&found = dlsym(RTLD_NEXT, "g_object_unref");
        __atomic_store_n(&next, found, __ATOMIC_RELAXED);
    }
    __tsan_release(object);
    __atomic_load_n(&next, __ATOMIC_RELAXED)(object);
}
#endif
