#pragma once
// Reads the YAML that people and tools write for Kubernetes, many times faster than a general reader: block maps and
// lists, plain and quoted scalars of one line, literal blocks, flow collections of one line, comments. Called by
// yaml_read before the general reader; never reports an error, because what it does not know is not its to judge.
// Never throws.

#include <optional>
#include <string_view>
#include <vector>

#include "k8sclient/model/yaml_parse.h"

namespace meshgraft::yaml {

// The documents of `text`, exactly as parse() gives them, or nullopt: then parse() reads the text, or says what is
// wrong with it. Anchors, aliases, tags, merge keys, folded and multi-line scalars, tabs, lone carriage returns,
// directives and every kind of mistake are nullopt.
std::optional<std::vector<RawDocument>> parse_block(std::string_view text);

}  // namespace meshgraft::yaml
