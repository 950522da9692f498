#include "cmd/release_rows.h"

#include <algorithm>
#include <array>

namespace meshgraft {
namespace {

constexpr std::array<ReleaseStep, 6> kPromotion{ReleaseStep::recording,    ReleaseStep::to_gray,       ReleaseStep::updating,
                                                ReleaseStep::to_principal, ReleaseStep::removing_gray, ReleaseStep::closing};
// A principal that never changed is not restored: such a way back begins at the third.
constexpr std::array<ReleaseStep, 5> kWayBack{ReleaseStep::to_gray, ReleaseStep::restoring, ReleaseStep::to_principal,
                                              ReleaseStep::removing_gray, ReleaseStep::closing};

Colour colour_of(ReleasePhase phase) {
  switch (phase) {
    case ReleasePhase::sharing: return Colour::none;
    case ReleasePhase::promoting:
    case ReleasePhase::aborting: return Colour::cyan;
    case ReleasePhase::held:
    case ReleasePhase::refused: return Colour::red;
  }
  return Colour::none;
}

std::string dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string why_of(const ReleaseState& state) {
  return state.finding.empty() || state.why.starts_with(state.finding) ? state.why : state.finding + ": " + state.why;
}

template <std::size_t N>
int place(const std::array<ReleaseStep, N>& way, ReleaseStep step) {
  const auto found = std::find(way.begin(), way.end(), step);
  return found == way.end() ? 0 : static_cast<int>(found - way.begin()) + 1;
}

}  // namespace

std::string release_rows(const Releases& releases, const Terminal& terminal) {
  constexpr std::array<std::string_view, 6> kHeads{"NAMESPACE", "RELEASE", "SERVICE", "STATE", "STEP", "TRAFFIC"};
  struct Row {
    std::array<std::string, 6> cells;
    std::string why;
    ReleasePhase phase;
  };
  std::vector<Row> rows;
  for (const auto& [ns, states] : releases) {
    for (const ReleaseState& state : states) {
      const std::string step = state.step == ReleaseStep::none ? "-" : std::string(to_string(state.step));
      rows.push_back({{ns, state.strategy.name, dash(state.service), std::string(to_string(state.phase)), step, dash(state.traffic)}, why_of(state), state.phase});
    }
  }
  if (rows.empty()) return "";
  std::array<int, 6> widths{};
  for (std::size_t i = 0; i < kHeads.size(); ++i) {
    widths[i] = columns(kHeads[i]);
    for (const Row& row : rows) widths[i] = std::max(widths[i], columns(row.cells[i]));
  }
  const auto trimmed = [](std::string line) {
    while (line.ends_with(' ')) line.pop_back();
    return line;
  };
  std::string head;
  for (std::size_t i = 0; i < kHeads.size(); ++i) head += padded(kHeads[i], widths[i] + 2);
  const bool reasons = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.why.empty(); });
  std::string text = paint(terminal, Colour::bold, reasons ? head + "WHY" : trimmed(head)) + '\n';
  for (const Row& row : rows) {
    std::string line;
    int used = 0;
    for (std::size_t i = 0; i < kHeads.size(); ++i) {
      const std::string cell = padded(row.cells[i], widths[i] + 2);
      line += i == 3 ? paint(terminal, colour_of(row.phase), cell) : cell;
      used += widths[i] + 2;
    }
    if (row.why.empty()) {
      text += trimmed(line) + '\n';
    } else if (!terminal.interactive || used + columns(row.why) <= terminal.width) {  // a search must find the whole row
      text += line + row.why + '\n';
    } else {
      text += trimmed(line) + '\n' + wrapped(row.why, "    ", "    ", terminal.width);
    }
  }
  return text;
}

ReleaseProgress progress_of(const ReleaseState& state) {
  if (state.step == ReleaseStep::none) return {};
  if (state.phase == ReleasePhase::promoting && place(kPromotion, state.step) > 0) {
    return {place(kPromotion, state.step), static_cast<int>(kPromotion.size())};
  }
  return {place(kWayBack, state.step), static_cast<int>(kWayBack.size())};
}

std::string release_line(const ReleaseState& state) {
  const ReleaseProgress progress = progress_of(state);
  std::string text = state.strategy.ns + '/' + state.strategy.name + ": " + std::string(to_string(state.phase));
  if (progress.at > 0) text += ' ' + std::to_string(progress.at) + '/' + std::to_string(progress.of) + ", " + std::string(to_string(state.step));
  if (!state.traffic.empty()) text += "; traffic " + state.traffic;
  if (const std::string why = why_of(state); !why.empty()) text += "; " + why;
  return text;
}

std::string release_bar(const ReleaseState& state, int width) {
  constexpr int kBar = 12;  // divides by 4 and 6
  const ReleaseProgress progress = progress_of(state);
  const int full = progress.of == 0 ? 0 : progress.at * kBar / progress.of;
  std::string line = '[' + std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(kBar - full), '-') + "] " + release_line(state);
  if (columns(line) < width) return line;
  line = wrapped(line, "", "", width - 2);  // its first line, and a sign that there is more
  return line.substr(0, line.find('\n')) + " …";
}

}  // namespace meshgraft
