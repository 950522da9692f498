#include "cmd/terminal.h"

#include <algorithm>
#include <vector>

namespace meshgraft {
namespace {

// One code point of UTF-8: its bytes and columns. Bytes that are no UTF-8 count one column each.
struct Glyph {
  std::size_t bytes = 1;
  int columns = 1;
};

Glyph glyph(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t bytes = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (bytes == 1 || bytes > text.size()) return {};
  unsigned code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  // The wide blocks that names and messages use (Unicode EastAsianWidth: Hangul Jamo, CJK, Hangul, forms).
  const bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) || (code >= 0xAC00 && code <= 0xD7A3) ||
                    (code >= 0xF900 && code <= 0xFAFF) || (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                    (code >= 0xFFE0 && code <= 0xFFE6) || (code >= 0x20000 && code <= 0x3FFFD);
  return {bytes, wide ? 2 : 1};
}

// The longest beginning of `word` that fits into `room` columns; at least one glyph.
std::string_view beginning(std::string_view word, int room) {
  std::size_t bytes = 0;
  int used = 0;
  while (bytes < word.size()) {
    const Glyph next = glyph(word.substr(bytes));
    if (used + next.columns > room && bytes > 0) break;
    used += next.columns;
    bytes += next.bytes;
  }
  return word.substr(0, bytes);
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n", start), text.size());
    if (end > start) words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

}  // namespace

int columns(std::string_view text) {
  int count = 0;
  while (!text.empty()) {
    const Glyph next = glyph(text);
    count += next.columns;
    text.remove_prefix(next.bytes);
  }
  return count;
}

std::string padded(std::string_view text, int width) {
  std::string result(text);
  const int missing = width - columns(text);
  if (missing > 0) result.append(static_cast<std::size_t>(missing), ' ');
  return result;
}

std::string paint(const Terminal& terminal, Colour colour, std::string_view text) {
  if (!terminal.colour || colour == Colour::none) return std::string(text);
  const char* code = "0";
  switch (colour) {  // ECMA-48, select graphic rendition
    case Colour::bold: code = "1"; break;
    case Colour::faint: code = "2"; break;
    case Colour::red: code = "31"; break;
    case Colour::green: code = "32"; break;
    case Colour::yellow: code = "33"; break;
    case Colour::cyan: code = "36"; break;
    case Colour::none: break;
  }
  return std::string("\033[") + code + "m" + std::string(text) + "\033[0m";
}

std::string wrapped(std::string_view text, std::string_view first, std::string_view rest, int width) {
  std::string result;
  std::string line(first);
  int used = columns(first);
  bool empty = true;
  const auto next_line = [&] {
    result += line;
    result += '\n';
    line = rest;
    used = columns(rest);
    empty = true;
  };
  for (std::string_view word : words_of(text)) {
    if (!empty && used + 1 + columns(word) > width) next_line();
    while (used + (empty ? 0 : 1) + columns(word) > width && empty) {
      const int room = std::max(width - used, 1);
      const std::string_view part = beginning(word, room);
      if (part.size() == word.size()) break;
      line += part;
      word.remove_prefix(part.size());
      next_line();
    }
    if (!empty) {
      line += ' ';
      ++used;
    }
    line += word;
    used += columns(word);
    empty = false;
  }
  result += line;
  result += '\n';
  return result;
}

}  // namespace meshgraft
