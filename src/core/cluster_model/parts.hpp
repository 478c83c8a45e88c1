// What the judgement is put together of. For core/cluster_model only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_model/report.hpp"

namespace core::cluster_model {

std::vector<Verdict> judge_models(const Evidence& evidence);
std::vector<Fact> facts_of(const Evidence& evidence);
std::vector<Passage> passages_of(const Evidence& evidence);
std::vector<Cost> costs_of(Model model, const Evidence& evidence,
                           const std::vector<Passage>& passages);
std::vector<Gap> gaps_of(Model model, const Evidence& evidence);

// Whether pods get in or out at all by these.
bool has_gateway(const Evidence& evidence, bool out);
// Of this cluster, and of another one, that hold addresses in common.
struct Clash {
  Prefix ours, theirs;
  std::string cluster;
};
std::vector<Clash> clashes_of(const Evidence& evidence);

// "10.244.1.2 to 10.240.0.9 (outside) leaves node-1 with the source 10.240.0.1"
std::string said(const Walk& walk);
// ", by RULE (node-1 postrouting, step 3 of 4)" of one that is translated.
std::string by_what(const Walk& walk);
std::string counted(std::uint64_t number, std::string_view one);
// The text behind `head`; further lines behind `indent` blanks.
std::vector<std::string> wrapped(std::string_view text, std::size_t width, const std::string& head,
                                 std::size_t indent);

}  // namespace core::cluster_model
