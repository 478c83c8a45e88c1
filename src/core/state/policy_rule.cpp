#include "core/state/policy_rule.hpp"

#include "core/state/text_words.hpp"

namespace core {

std::string to_text(const PolicyRule& rule) {
  std::string text = "pref " + std::to_string(rule.priority);
  if (rule.inverted) text += " not";
  if (!rule.iif.empty()) text += " iif " + rule.iif;
  if (rule.mask != 0) text += " fwmark " + mark_text(rule.mark);
  if (rule.mask != 0 && rule.mask != 0xffffffff) text += "/" + mark_text(rule.mask);
  if (rule.udp_port != 0) text += " ipproto udp dport " + std::to_string(rule.udp_port);
  text += " table " + route_table_text(rule.table);
  if (rule.suppress_default) text += " suppress_prefixlength 0";
  return text + owner_text("protocol");
}

std::string KindOf<PolicyRule>::make(const PolicyRule& rule) {
  return ip_command(rule.family) + "rule add " + to_text(rule);
}

std::string KindOf<PolicyRule>::remove(const PolicyRule& rule) {
  return ip_command(rule.family) + "rule del " + to_text(rule);
}

}  // namespace core
