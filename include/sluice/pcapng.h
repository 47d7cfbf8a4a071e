/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_PCAPNG_H
#define SLUICE_PCAPNG_H

#include <sluice/capture.h>

SLUICE_BEGIN_DECLS

/**
 * SluicePcapng: (skip)
 *
 * A capture file (pcapng) that Wireshark opens decrypted. Interface 0, "wire", has the datagrams as raw IP and UDP;
 * interface 1, "plain", RTP and RTCP in clear, marked so that Wireshark dissects them at once; the secrets of DTLS stand
 * between them in blocks of their own, before the packets that need them. Both hooks of a config together make it:
 *
 *     sluice_config_set_capture(config, sluice_pcapng_capture, file, NULL);
 *     sluice_config_set_keylog(config, sluice_pcapng_key_line, file, NULL);
 *
 * **Whoever has the file can read the call**, its media and its data: it is written because a caller asked for it, with
 * mode 0600. Without the second hook it holds no secret of DTLS; media is in clear in any case.
 *
 * It belongs to the caller and outlives the configs and transports that write to it. All functions but _free() may be
 * called by any thread, also inside those hooks; it has a lock of its own. Nothing is allocated for a packet. Each block
 * is one write(): a file that is cut short is whole up to there, and one can look while it grows. A write waits as long as
 * the descriptor does.
 */
typedef struct SluicePcapng SluicePcapng;

/**
 * sluice_pcapng_open: (skip)
 * @path: a file name; what is there is overwritten, and made readable for its owner alone if it is a file
 *
 * Makes a file and begins it. A named pipe is fine (`wireshark -k -i PIPE`).
 *
 * Returns: (transfer full) (nullable): the file, or %NULL with `errno` set
 */
SLUICE_API SluicePcapng *sluice_pcapng_open(const char *path);

/**
 * sluice_pcapng_new: (skip)
 * @fd: a descriptor to write to; the caller's, who closes it after sluice_pcapng_free()
 *
 * Begins a file on a descriptor, whose mode is the caller's matter.
 *
 * Returns: (transfer full) (nullable): the file, or %NULL with `errno` set
 */
SLUICE_API SluicePcapng *sluice_pcapng_new(int fd);

/**
 * sluice_pcapng_free: (skip)
 * @self: (nullable) (transfer full): a file that nobody writes to any more
 *
 * Ends it, and closes what sluice_pcapng_open() has opened.
 */
SLUICE_API void sluice_pcapng_free(SluicePcapng *self);

/**
 * SluicePcapngClock: (skip)
 * @user_data: as given
 *
 * Returns: the time now on the clock that the transports are given. It may not call the library
 */
typedef SluiceTime (*SluicePcapngClock)(void *user_data);

/**
 * sluice_pcapng_set_clock: (skip)
 * @self: a file, before anything is written to it
 * @clock: (nullable): asked for the time of what comes without one: media that was protected. %NULL (default): that is
 *   written with the newest time that the file has
 * @user_data: for @clock
 * @unix_time_of_zero: the time of day (ns since 1970) at which that clock was 0; default 0
 *
 * Says what times mean. By default a file depends on nothing but what is written to it.
 */
SLUICE_API void sluice_pcapng_set_clock(SluicePcapng *self, SluicePcapngClock clock,
                                        void *user_data, SluiceTime unix_time_of_zero);

/**
 * SluicePcapngPath: (skip)
 * @version: 4 or 6
 * @local: our address in network order; of IPv4 the first four bytes
 * @remote: the peer's
 * @local_port: our UDP port
 * @remote_port: the peer's
 *
 * The addresses of a packet.
 */
typedef struct {
    int version;
    uint8_t local[16], remote[16];
    uint16_t local_port, remote_port;
} SluicePcapngPath;

/**
 * sluice_pcapng_write: (skip)
 * @self: a file
 * @capture: a packet
 * @path: (nullable): its addresses; %NULL: made up of the transport's number, 198.18.x.y for us and 198.19.x.y for the
 *   peer (RFC 2544), so that Wireshark tells the transports apart
 *
 * Writes one packet.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT; %SLUICE_ENDED: a write has failed, now or before
 *   (sluice_pcapng_get_error()), nothing is written any more
 */
SLUICE_API SluiceStatus sluice_pcapng_write(SluicePcapng *self, const SluiceCapture *capture,
                                            const SluicePcapngPath *path);

/**
 * sluice_pcapng_capture: (skip)
 * @capture: a packet
 * @pcapng: a #SluicePcapng
 *
 * A #SluiceCaptureFunc: sluice_pcapng_write() with addresses that are made up.
 */
SLUICE_API void sluice_pcapng_capture(const SluiceCapture *capture, void *pcapng);

/**
 * sluice_pcapng_key_line: (skip)
 * @line: a line of a key log
 * @pcapng: a #SluicePcapng
 *
 * A #SluiceKeylogFunc: writes the secrets of one handshake.
 */
SLUICE_API void sluice_pcapng_key_line(const char *line, void *pcapng);

/**
 * sluice_pcapng_get_error: (skip)
 * @self: a file
 *
 * Returns: the `errno` of the write that failed; 0: all of it was written
 */
SLUICE_API int sluice_pcapng_get_error(SluicePcapng *self);

SLUICE_END_DECLS

#endif
