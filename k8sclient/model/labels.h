#pragma once
// Labels: a sorted map of text to text in one block of memory. Every object carries several, rules walk them all the
// time, and a tree of nodes would cost a cache miss a step. Has the parts of std::map that we use, with their names.

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meshgraft {

class Labels {
 public:
  using value_type = std::pair<std::string, std::string>;
  using key_type = std::string;
  using mapped_type = std::string;
  using iterator = std::vector<value_type>::iterator;
  using const_iterator = std::vector<value_type>::const_iterator;

  Labels() = default;
  Labels(std::initializer_list<value_type> entries) {
    for (const value_type& entry : entries) emplace(entry.first, entry.second);
  }

  [[nodiscard]] iterator begin() { return entries_.begin(); }
  [[nodiscard]] iterator end() { return entries_.end(); }
  [[nodiscard]] const_iterator begin() const { return entries_.begin(); }
  [[nodiscard]] const_iterator end() const { return entries_.end(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  [[nodiscard]] const_iterator find(std::string_view key) const {
    // Few entries are walked from end to end: sizes lie in the block itself, so that only a key of the right size is
    // read. Each step of a binary search would follow a pointer.
    constexpr std::size_t kFew = 16;
    if (entries_.size() > kFew) {
      const const_iterator at = lower_bound(key);
      return at != end() && at->first == key ? at : end();
    }
    return std::find_if(begin(), end(), [key](const value_type& entry) { return entry.first == key; });
  }
  [[nodiscard]] iterator find(std::string_view key) { return begin() + (std::as_const(*this).find(key) - entries_.cbegin()); }
  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != end(); }
  [[nodiscard]] std::size_t count(std::string_view key) const { return contains(key) ? 1 : 0; }
  // Precondition: contains(key).
  [[nodiscard]] const std::string& at(std::string_view key) const { return find(key)->second; }

  // Adds unless the key is there. The iterator is the entry's, the bool whether it was added.
  std::pair<iterator, bool> emplace(std::string_view key, std::string_view value) {
    const iterator place = begin() + (lower_bound(key) - entries_.cbegin());
    if (place != end() && place->first == key) return {place, false};
    return {entries_.emplace(place, std::string(key), std::string(value)), true};
  }
  template <typename Iterator>
  void insert(Iterator first, Iterator last) {
    for (; first != last; ++first) emplace(first->first, first->second);
  }
  std::pair<iterator, bool> insert(const value_type& entry) { return emplace(entry.first, entry.second); }
  std::pair<iterator, bool> try_emplace(std::string_view key, std::string_view value) { return emplace(key, value); }
  std::pair<iterator, bool> insert_or_assign(std::string_view key, std::string_view value) {
    const auto [at, added] = emplace(key, value);
    if (!added) at->second = value;
    return {at, added};
  }
  std::string& operator[](std::string_view key) { return emplace(key, {}).first->second; }
  std::size_t erase(std::string_view key) {
    const iterator at = find(key);
    if (at == end()) return 0;
    entries_.erase(at);
    return 1;
  }
  iterator erase(const_iterator at) { return entries_.erase(at); }
  void clear() { entries_.clear(); }
  void shrink_to_fit() { entries_.shrink_to_fit(); }

  bool operator==(const Labels&) const = default;
  auto operator<=>(const Labels&) const = default;

 private:
  [[nodiscard]] const_iterator lower_bound(std::string_view key) const {
    if (entries_.empty() || entries_.back().first < key) return entries_.end();  // the API server sends keys sorted
    return std::lower_bound(entries_.begin(), entries_.end(), key, [](const value_type& entry, std::string_view wanted) { return entry.first < wanted; });
  }

  std::vector<value_type> entries_;  // sorted by key, each key once
};

}  // namespace meshgraft
