#include "core/cluster_model/evidence.hpp"

#include <span>

namespace core::cluster_model {
namespace {

template <typename Word, std::size_t size>
std::string_view word_at(const std::string_view (&words)[size], Word word) {
  const auto at = static_cast<std::size_t>(word);
  return at < size ? words[at] : std::string_view();
}

}  // namespace

std::string_view to_string(Form form) {
  static constexpr std::string_view words[] = {"node port", "VIP",        "proxy",
                                               "edge NAT",  "masquerade", "egress gateway"};
  return word_at(words, form);
}

std::string_view to_string(Setting::What what) {
  static constexpr std::string_view words[] = {"masquerades", "keeps addresses", "overlay",
                                               "announces", "native"};
  return word_at(words, what);
}

std::string_view to_string(Walk::Kind kind) {
  static constexpr std::string_view words[] = {"pod to network", "pod to Internet", "pod to node",
                                               "pod to cluster", "network to pod",  "to node port",
                                               "to VIP"};
  return word_at(words, kind);
}

std::string_view to_string(Walk::End end) {
  static constexpr std::string_view words[] = {"kept", "translated", "tunnelled", "refused",
                                               "unknown"};
  return word_at(words, end);
}

std::string_view to_string(Reach::How how) {
  static constexpr std::string_view words[] = {"link", "route", "tunnel", "default", "none"};
  return word_at(words, how);
}

std::string_view to_string(Evidence::Where where) {
  static constexpr std::string_view words[] = {"nowhere", "node", "outside", "somewhere",
                                               "gateway"};
  return word_at(words, where);
}

bool overlap(const Prefix& a, const Prefix& b) {
  return a.family() == b.family() && (a.contains(b.first()) || b.contains(a.first()));
}

}  // namespace core::cluster_model
