#pragma once
// How a plain YAML scalar is typed, by the table that Kubernetes' own reader has (sigs.k8s.io/yaml, YAML 1.1).
// Used by yaml_read to read and by yaml_write to know what must be quoted. Pure.

#include <string>
#include <string_view>

#include "k8sclient/base/json.h"

namespace meshgraft {

// | plain scalar                                   | becomes                                      |
// | empty, ~, null, Null, NULL                     | null                                         |
// | true, yes, on, y and their capitals            | true ("version: y" is a mistake in a manifest |
// | false, no, off, n and their capitals           | false   there, and is the same mistake here) |
// | 12, -3, 0x1f, 0o17, 017 (octal), 0b11, 1_000   | number                                       |
// | 1.5, .5, 1e3                                   | number                                       |
// | .inf, .nan                                     | text (JSON has no such number)               |
// | 2024-01-31, 12:30:45, anything else            | text                                         |
OrderedJson type_plain(const std::string& scalar);

// True when `text`, written plain, is read back as that text.
bool stays_text(std::string_view text);

}  // namespace meshgraft
