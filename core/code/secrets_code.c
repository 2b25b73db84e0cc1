#include "core/code/secrets_impl.h"

#include "core/base/mem.h"

#include <string.h>

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

// What stands between two lines of a key inside a string: "…\n" + "…", or \n itself.
static size_t skip_between(const char *s, size_t n) {
    size_t i = 0;
    bool open = true; // inside the string
    while (i < n) {
        if (s[i] == '\\' && i + 1 < n && (s[i + 1] == 'n' || s[i + 1] == 'r'))
            i += 2;
        else if (s[i] == '\\' && i + 1 < n && s[i + 1] == '\n')
            i += 2;
        else if (s[i] == '"' || s[i] == '\'' || s[i] == '`')
            open = !open, i++;
        else if (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n')
            i++;
        else if (!open && (s[i] == '+' || s[i] == '.' || s[i] == ','))
            i++;
        else if ((s[i] == '#' || s[i] == '*' || s[i] == '|' || s[i] == '>') && i > 0 &&
                 s[i - 1] != '\\')
            i++; // a comment's or a quotation's margin
        else
            break;
    }
    return i;
}

size_t code_base64(const char *s, size_t n, uint8_t *out, size_t room, size_t *ret_digits) {
    uint32_t bits = 0;
    unsigned have = 0;
    size_t written = 0, digits = 0;
    for (size_t i = 0; i < n;) {
        int value = base64_value(s[i]);
        if (value < 0) {
            size_t skip = skip_between(s + i, n - i);
            if (!skip)
                break;
            i += skip;
            continue;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        digits++;
        i++;
        if (have >= 8) {
            have -= 8;
            if (written < room)
                out[written++] = (uint8_t)(bits >> have);
        }
    }
    *ret_digits = digits;
    return written;
}

// --- checksums -----------------------------------------------------------------------------------
static uint32_t crc32_of(const char *s, size_t n) {
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)s[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
    }
    return ~crc;
}

// "ghp_", 30 random characters, their CRC-32 in six digits of base 62 (GitHub, "Behind GitHub's new
// authentication token formats"; npm follows it).
bool check_github(const char *s, size_t n) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { RANDOM = 30, SUM = 6 };
    if (n < RANDOM + SUM)
        return false;
    const char *body = s + n - RANDOM - SUM;
    uint32_t crc = crc32_of(body, RANDOM);
    for (int i = SUM - 1; i >= 0; i--, crc /= 62)
        if (body[RANDOM + i] != digits[crc % 62])
            return false;
    return true;
}

// Bech32 (BIP 173) with the human-readable part "age-secret-key-".
bool check_age(const char *s, size_t n) {
    static const char digits[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    static const uint32_t generator[] = {0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD,
                                         0x2A1462B3};
    static const char human[] = "age-secret-key-";
    uint32_t sum = 1;
    size_t count = 2 * strlen(human) + 1 + (n - strlen(human) - 1);
    for (size_t i = 0; i < count; i++) {
        size_t h = strlen(human);
        uint32_t value;
        if (i < h) {
            value = (uint32_t)human[i] >> 5;
        } else if (i == h) {
            value = 0;
        } else if (i <= 2 * h) {
            value = (uint32_t)human[i - h - 1] & 31;
        } else {
            const char *at = strchr(digits, s[i - h]);
            if (!at || !*at)
                return false;
            value = (uint32_t)(at - digits);
        }
        uint32_t top = sum >> 25;
        sum = (sum & 0x1FFFFFF) << 5 ^ value;
        for (size_t k = 0; k < COUNT_OF(generator); k++)
            sum ^= top >> k & 1 ? generator[k] : 0;
    }
    return sum == 1;
}

// 58 characters of base32: two bytes of kind, 32 of seed, CRC-16/XMODEM of those, little-endian.
bool check_nkey(const char *s, size_t n) {
    uint8_t raw[40];
    uint32_t bits = 0;
    unsigned have = 0;
    size_t written = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t value = (uint32_t)(s[i] >= 'A' ? s[i] - 'A' : s[i] - '2' + 26);
        bits = bits << 5 | value;
        have += 5;
        if (have >= 8 && written < sizeof raw) {
            have -= 8;
            raw[written++] = (uint8_t)(bits >> have);
        }
    }
    if (written != 36)
        return false;
    uint16_t crc = 0;
    for (size_t i = 0; i < written - 2; i++) {
        crc ^= (uint16_t)(raw[i] << 8);
        for (int k = 0; k < 8; k++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return raw[34] == (crc & 0xFF) && raw[35] == crc >> 8;
}

static bool decodes_to(const char *s, size_t n, size_t bytes) {
    const char *value = memchr(s, '=', n);
    uint8_t out[96];
    size_t digits;
    return value &&
           code_base64(value + 1, n - (size_t)(value + 1 - s), out, sizeof out, &digits) == bytes;
}

bool check_azure(const char *s, size_t n) {
    return decodes_to(s, n, 64);
}

bool check_account(const char *s, size_t n) {
    return decodes_to(s, n, 32);
}

// The number of the bot's account in base64.
bool check_discord(const char *s, size_t n) {
    uint8_t out[32];
    size_t digits;
    const char *dot = memchr(s, '.', n);
    size_t got = dot ? code_base64(s, (size_t)(dot - s), out, sizeof out, &digits) : 0;
    for (size_t i = 0; i < got; i++)
        if (out[i] < '0' || out[i] > '9')
            return false;
    return got >= 16;
}
