#pragma once
// manifest_text: the text of a YAML document after some of its values changed, every other line as people wrote it:
// comments, order, quotes and indentation stay. Called by render_manifests; never guesses: what it answers reads as
// asked, or it answers nothing.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"

namespace meshgraft {

struct EditedText {
  std::string text;
  bool comments_lost = false;  // a value with comments inside was written anew
};

// `text`: one YAML document, with its "---" or without; `was`: what it says; `is`: what it shall say, neither empty.
// nullopt when it cannot be had by changing lines: anchors that others use, a document in braces, keys written twice.
std::optional<EditedText> edit_text(std::string_view text, const OrderedJson& was, const OrderedJson& is);

// A YAML file cut before each "---" line. Together the pieces are the file.
std::vector<std::string> split_documents(std::string_view text);

// Whether a line of `text` holds what may be a comment.
bool may_have_comments(std::string_view text);

}  // namespace meshgraft
