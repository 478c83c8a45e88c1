// What a rule has said of the headers, and the names of their fields that follow from it. For
// rule_text only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/packet/rules/term.hpp"

namespace core::packet::words {

class HeaderWords {
 public:
  explicit HeaderWords(TableFamily family);

  void add(std::string word) { words_.push_back(std::move(word)); }
  // The comparison that was just added tells what follows.
  void learn(const Term& term, const Compare& compare);
  [[nodiscard]] Term field(Payload::Base base, std::uint32_t offset, std::uint32_t length);
  // Fields that lie side by side, which nft loads at once. False: that is none of these.
  bool add_fields(const Payload& payload, const Compare& compare);
  [[nodiscard]] const std::string& network() const { return network_; }      // "ip", "ip6", ""
  [[nodiscard]] const std::string& transport() const { return transport_; }  // "tcp", ""
  // nft leaves the match out which words after it imply.
  void imply_network() { imply(network_match_); }
  void imply_transport() { imply(transport_match_); }

  [[nodiscard]] std::string line() const;
  // Instead of the last words.
  void replace_last(std::string word);
  // What is added until the words are given back is for somebody else.
  std::vector<std::string> exchange(std::vector<std::string> words);

 private:
  static constexpr std::size_t none = std::string::npos;

  void imply(std::size_t& match);
  [[nodiscard]] std::string header_of(Payload::Base base) const;

  std::vector<std::string> words_{};
  std::string network_{};
  std::string transport_{};
  // Where it was said.
  std::size_t link_match_ = none;
  std::size_t network_match_ = none;
  std::size_t transport_match_ = none;
};

}  // namespace core::packet::words
