// What a cluster's network model is, as far as evidence says, as a value; and its text. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster_model/evidence.hpp"

namespace core::cluster_model {

enum class Model : std::uint8_t { unknown, flat, isolated, island, archipelago };
std::string_view to_string(Model model);
enum class Confidence : std::uint8_t { none, low, medium, high };
std::string_view to_string(Confidence confidence);

struct Verdict {
  std::optional<Family> family;  // where the two differ
  Model model = Model::unknown;
  Confidence confidence = Confidence::none;
  std::string why;      // sentences
  std::string against;  // what keeps it from being sure; may be empty

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// A question, its answer, and what was read.
struct Fact {
  std::string question, answer;
  std::vector<std::string> seen;
};

// A way into the cluster or out of it, and what becomes of the sender's address.
struct Passage {
  enum class Sender : std::uint8_t { kept, lost, open };
  Gateway gateway;
  std::vector<std::string> steps;
  std::size_t lost = 0;  // in `steps`, from 1; 0: nowhere, or not known
  Sender sender = Sender::open;
  std::string said;  // one sentence about the address
  std::string seen;  // which host's rules say so; empty: it is what the objects say
};
std::string_view to_string(Passage::Sender sender);

// What the model is bad at, whether that matters here, and what pona has for it.
struct Cost {
  std::string when, here, pona;
};

struct Report {
  std::vector<Verdict> verdicts;  // one, or one for each family
  std::vector<Fact> facts;
  std::vector<Passage> passages;
  std::vector<Cost> costs;
  std::vector<Gap> unknown;
};

Report judge(const Evidence& evidence);

// Lines of at most `width` letters, but for what is to be typed as it is.
std::vector<std::string> to_lines(const Report& report, const Evidence& evidence,
                                  std::size_t width);

// A model or a form, said for who meets the word for the first time.
struct Topic {
  std::string_view name;  // "island", "node-port"
  std::string_view text;
};
const Topic* find_topic(std::string_view name);  // in any case; null: there is none
std::vector<std::string_view> topic_names();
std::vector<std::string> to_lines(const Topic& topic, std::size_t width);

}  // namespace core::cluster_model
