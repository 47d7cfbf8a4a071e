# SPDX-License-Identifier: BSD-3-Clause

# SLUICE_ARG_ENABLE(NAME, DEFAULT, HELP)
# An --enable option whose variable is always set.
AC_DEFUN([SLUICE_ARG_ENABLE], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--enable-$1], [$3 (default: $2)])],
                [], [AS_TR_SH([enable_$1])=$2])])

# SLUICE_CHECK_CFLAGS(VARIABLE, FLAG)
# Appends FLAG to VARIABLE if the compiler takes it without a warning.
AC_DEFUN([SLUICE_CHECK_CFLAGS], [
  AC_MSG_CHECKING([whether $CC takes $2])
  sluice_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_COMPILE_IFELSE([AC_LANG_SOURCE([int main(void) { return 0; }])],
                    [AC_MSG_RESULT([yes])
                     $1="$$1 $2"],
                    [AC_MSG_RESULT([no])])
  CFLAGS=$sluice_save_CFLAGS])

# SLUICE_REQUIRE_CFLAGS(VARIABLE, FLAG)
# The same, with a link, and the end if it does not work.
AC_DEFUN([SLUICE_REQUIRE_CFLAGS], [
  AC_MSG_CHECKING([whether $CC takes $2])
  sluice_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_LINK_IFELSE([AC_LANG_SOURCE([int main(void) { return 0; }])],
                 [AC_MSG_RESULT([yes])
                  $1="$$1 $2"],
                 [AC_MSG_RESULT([no])
                  AC_MSG_ERROR([$CC does not support $2])])
  CFLAGS=$sluice_save_CFLAGS])

# SLUICE_SYSTEM_INCLUDES(VARIABLE)
# Makes the -I of VARIABLE -isystem. pkg-config leaves -I/usr/include out, which must stay where it is.
AC_DEFUN([SLUICE_SYSTEM_INCLUDES], [
  $1=`AS_ECHO(["$$1"]) | $SED 's/^-I/-isystem /; s/ -I/ -isystem /g'`])

# SLUICE_CHECK_LDFLAGS(VARIABLE, FLAG)
AC_DEFUN([SLUICE_CHECK_LDFLAGS], [
  AC_MSG_CHECKING([whether the linker takes $2])
  sluice_save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS $2"
  AC_LINK_IFELSE([AC_LANG_SOURCE([int main(void) { return 0; }])],
                 [AC_MSG_RESULT([yes])
                  $1="$$1 $2"],
                 [AC_MSG_RESULT([no])])
  LDFLAGS=$sluice_save_LDFLAGS])

# SLUICE_CHECK_VERSION_SCRIPT
# Sets HAVE_VERSION_SCRIPT. Where there is none, -fvisibility=hidden alone keeps the ABI small.
AC_DEFUN([SLUICE_CHECK_VERSION_SCRIPT], [
  AC_MSG_CHECKING([whether the linker takes a version script])
  AS_ECHO(["SLUICE_TEST { global: main; local: *; };"]) > conftest.map
  sluice_save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
  AC_LINK_IFELSE([AC_LANG_SOURCE([int main(void) { return 0; }])],
                 [sluice_version_script=yes], [sluice_version_script=no])
  AC_MSG_RESULT([$sluice_version_script])
  LDFLAGS=$sluice_save_LDFLAGS
  rm -f conftest.map
  AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test "$sluice_version_script" = yes])])

# SLUICE_CHECK_INTROSPECTION
# Not with sanitizers: g-ir-scanner's own program would need their run-time library.
AC_DEFUN([SLUICE_CHECK_INTROSPECTION], [
  AC_PATH_PROG([G_IR_SCANNER], [g-ir-scanner])
  AC_PATH_PROG([G_IR_COMPILER], [g-ir-compiler])
  sluice_introspection=yes
  AS_IF([test "$with_glib" != yes], [sluice_introspection="no (without GLib)"],
        [test -n "$sanitize"], [sluice_introspection="no (sanitizers)"],
        [test "$enable_shared" = no], [sluice_introspection="no (no shared libraries)"],
        [test "$cross_compiling" = yes], [sluice_introspection="no (cross build)"],
        [test -z "$G_IR_SCANNER" || test -z "$G_IR_COMPILER"],
        [sluice_introspection="no (no g-ir-scanner)"])
  AS_CASE([$enable_introspection],
          [no], [],
          [yes], [AS_IF([test "$sluice_introspection" != yes],
                        [AC_MSG_ERROR([introspection was asked for: $sluice_introspection])])],
          [enable_introspection=$sluice_introspection])
  AM_CONDITIONAL([ENABLE_INTROSPECTION], [test "$enable_introspection" = yes])
  AC_SUBST([girdir], ['${datadir}/gir-1.0'])
  AC_SUBST([typelibdir], ['${libdir}/girepository-1.0'])])

# SLUICE_CHECK_DOCS
AC_DEFUN([SLUICE_CHECK_DOCS], [
  AC_PATH_PROG([GI_DOCGEN], [gi-docgen])
  sluice_docs=yes
  AS_IF([test "$enable_introspection" != yes], [sluice_docs="no (no introspection)"],
        [test -z "$GI_DOCGEN"], [sluice_docs="no (no gi-docgen)"])
  AS_CASE([$enable_docs],
          [no], [],
          [yes], [AS_IF([test "$sluice_docs" != yes],
                        [AC_MSG_ERROR([the API reference was asked for: $sluice_docs])])],
          [enable_docs=$sluice_docs])
  AM_CONDITIONAL([ENABLE_DOCS], [test "$enable_docs" = yes])])

# SLUICE_CHECK_PYTHON
# A Python with PyGObject, for tests alone. The distribution's has it even where another comes first.
AC_DEFUN([SLUICE_CHECK_PYTHON], [
  AC_PATH_PROG([PYTHON3], [python3])
  AC_MSG_CHECKING([for a Python with PyGObject])
  PYTHON_GI=
  for sluice_python in "$PYTHON" "$PYTHON3" /usr/bin/python3; do
    AS_IF([test -z "$PYTHON_GI" && test -n "$sluice_python" &&
           "$sluice_python" -c 'import gi' >/dev/null 2>&1],
          [PYTHON_GI=$sluice_python])
  done
  AC_MSG_RESULT([${PYTHON_GI:-no}])
  AC_SUBST([PYTHON_GI])
  AC_SUBST([PYTHON_TESTS], [${PYTHON_GI:-$PYTHON3}])
  AM_CONDITIONAL([HAVE_PYTHON], [test -n "$PYTHON_TESTS"])])

# SLUICE_CHECK_PLAIN_SHA1
# Puts -DSL_PLAIN_SHA1 into OPENSSL_API_FLAGS where OpenSSL was built with its deprecated calls and
# --disable-deprecated-openssl does not forbid them.
AC_DEFUN([SLUICE_CHECK_PLAIN_SHA1], [
  AC_MSG_CHECKING([whether OpenSSL has the plain SHA-1 calls])
  sluice_save_CPPFLAGS=$CPPFLAGS
  sluice_save_LIBS=$LIBS
  CPPFLAGS="$CPPFLAGS $CRYPTO_CFLAGS -DOPENSSL_SUPPRESS_DEPRECATED"
  LIBS="$CRYPTO_LIBS $LIBS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <openssl/sha.h>]],
                   [[SHA_CTX hash; unsigned char digest[SHA_DIGEST_LENGTH];
                     return SHA1_Init(&hash) != 1 || SHA1_Update(&hash, "", 0) != 1 ||
                            SHA1_Final(digest, &hash) != 1;]])],
                 [sluice_plain_sha1=yes], [sluice_plain_sha1=no])
  AC_MSG_RESULT([$sluice_plain_sha1])
  CPPFLAGS=$sluice_save_CPPFLAGS
  LIBS=$sluice_save_LIBS
  AS_IF([test "$enable_deprecated_openssl$sluice_plain_sha1" = yesno],
        [AC_MSG_ERROR([this OpenSSL was built without its deprecated calls])])
  AS_IF([test "$enable_deprecated_openssl" = no], [sluice_plain_sha1=no])
  enable_deprecated_openssl=$sluice_plain_sha1
  AS_IF([test "$sluice_plain_sha1" = yes],
        [OPENSSL_API_FLAGS="$OPENSSL_API_FLAGS -DSL_PLAIN_SHA1"])])

# SLUICE_CHECK_WHIP
# What samples/whip-echo needs beside the binding, json-glib and usrsctp.
AC_DEFUN([SLUICE_CHECK_WHIP], [
  PKG_CHECK_MODULES([WHIP], [libsoup-3.0 >= 3.2 gstreamer-sdp-1.0 >= 1.20],
                    [sluice_whip=yes], [sluice_whip="no (no libsoup-3.0 or gstreamer-sdp-1.0)"])
  SLUICE_SYSTEM_INCLUDES([WHIP_CFLAGS])
  AC_PATH_PROG([GLIB_COMPILE_RESOURCES], [glib-compile-resources])
  AS_IF([test "$have_json" != yes], [sluice_whip="no (without GLib or json-glib)"],
        [test "$have_usrsctp" != yes], [sluice_whip="no (no usrsctp)"],
        [test -z "$GLIB_COMPILE_RESOURCES"], [sluice_whip="no (no glib-compile-resources)"])
  AS_CASE([$enable_whip],
          [no], [],
          [yes], [AS_IF([test "$sluice_whip" != yes],
                        [AC_MSG_ERROR([samples/whip-echo was asked for: $sluice_whip])])],
          [enable_whip=$sluice_whip])
  AM_CONDITIONAL([WITH_WHIP], [test "$enable_whip" = yes])])
