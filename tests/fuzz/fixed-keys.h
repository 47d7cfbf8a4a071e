/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FIXED_KEYS_H
#define FIXED_KEYS_H

/* Two certificates with their keys. They protect nothing: the same bytes in every run are what they are for. */

static const char fixed_certificate_1[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdDCCARugAwIBAgIUB3OoP7Q3NFpbGPB6rqU/EinZAtcwCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjEwMzEyMjBaGA8yMTI2MTAyODAzMTIy\n"
    "MFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABA/M\n"
    "XWDZ2G+vOq+HlrlXjKDxv1mmu9AVLaOaLdShrzLTKykXIJUPuf5i6VeF0PlqKL8m\n"
    "XY+XvIUmO/3u4B9+IAajUzBRMB0GA1UdDgQWBBQKwmyPApsDkKHqzIEtYOMkiLfT\n"
    "vTAfBgNVHSMEGDAWgBQKwmyPApsDkKHqzIEtYOMkiLfTvTAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0cAMEQCICoQq87h0JZ0Q73Ob7UUDHs5eUoPFqx8QtoU\n"
    "e3CddSIIAiAgmNLqiclX1jeCz85FefXubffqPVXnTmqQhkaP1R395Q==\n"
    "-----END CERTIFICATE-----\n";

static const char fixed_key_1[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxVGEW+GX1v1aRL8D\n"
    "SbjhXuM+n5Fqi7Nkb0uvnXmDqY6hRANCAAQPzF1g2dhvrzqvh5a5V4yg8b9ZprvQ\n"
    "FS2jmi3Uoa8y0yspFyCVD7n+YulXhdD5aii/Jl2Pl7yFJjv97uAffiAG\n"
    "-----END PRIVATE KEY-----\n";

static const char fixed_certificate_2[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdDCCARugAwIBAgIUF0OEu9AwQaJbs+HhBSXaUVoVNhQwCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjEwMzEyMjBaGA8yMTI2MTAyODAzMTIy\n"
    "MFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABK8w\n"
    "pDnoaTn9/aTvTsnk5ZW7rvxJD0FZttyBrtSRiwwTZPeN3Vn/k6a/UqOcv4zMZi/d\n"
    "kAgthhCX6YN8YSPXCmGjUzBRMB0GA1UdDgQWBBR+O8c1Yas1kRVYT1QhvE5+9C4b\n"
    "yDAfBgNVHSMEGDAWgBR+O8c1Yas1kRVYT1QhvE5+9C4byDAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0cAMEQCIBqryoUzNxolRMQQI88mCCvLhd3PCDhh/sao\n"
    "BSiviAiyAiALyIXRmajPkLv0V9jWnQrL76OAULghpROpBtCW8qVXuw==\n"
    "-----END CERTIFICATE-----\n";

static const char fixed_key_2[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAS3C3xB77ecUkmZX\n"
    "4O2wGpCpdiHNri23e2UPEKSTqN2hRANCAASvMKQ56Gk5/f2k707J5OWVu678SQ9B\n"
    "Wbbcga7UkYsME2T3jd1Z/5Omv1KjnL+MzGYv3ZAILYYQl+mDfGEj1wph\n"
    "-----END PRIVATE KEY-----\n";

#endif
