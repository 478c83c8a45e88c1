// Any bytes as a bundle: as the file, as the tar in it, and as lines of a namespace. Nothing
// crashes, what is read can be written and read again, and can be asked and redacted.
//
// An input is what it is taken for, and what follows.
#include <zlib.h>

#include <exception>
#include <string>

#include "cmd/diag/bundle/archive.hpp"
#include "cmd/diag/bundle/json_fields.hpp"
#include "cmd/diag/bundle/read_bundle.hpp"
#include "cmd/diag/bundle/redact_json.hpp"
#include "core/error.hpp"
#include "core/packet/diagnosis/model.hpp"
#include "core/packet/record/record.hpp"
#include "core/packet/record/redact_rules.hpp"
#include "core/packet/record/ruleset_text.hpp"
#include "fuzz/fuzz.hpp"
#include "support/packet_rig.hpp"

namespace {

using namespace core::packet;
using fuzz::require;

constexpr std::size_t most_rules_walked = 40;

Redaction::Digest digest(std::string_view text) {
  Redaction::Digest result{};
  std::size_t hash = 5381;
  for (std::size_t i = 0; i < 32 + text.size(); ++i) {
    hash = hash * 33 + (i < text.size() ? static_cast<unsigned char>(text[i]) : 7U);
    result[i % 32] = static_cast<std::uint8_t>(hash >> 8);
  }
  return result;
}

std::string lines_of(HeldNetwork& network) {
  std::string text;
  write_lines(network, [&](std::string_view kind, const auto& value) {
    cmd::append_line(text, kind, value);
  });
  return text;
}

void read_network(std::string_view text, HeldWorld& world) {
  std::size_t items = 10'000;
  cmd::read_lines(text, "lines", items, [&](std::string_view kind, Fields& fields) {
    if (!read_line(*world.places.front().network, kind, fields)) read_line(world, kind, fields);
  });
}

void ask(HeldWorld& world) {
  HeldNetwork& network = *world.places.front().network;
  std::size_t rules = 0;
  for (const auto& [chain, of_chain] : network.rules.all_rules()) rules += of_chain.size();
  if (rules > most_rules_walked) return;
  Question question;
  question.probe = unit::packet_rig::tcp_syn();
  for (const bool from_wire : {false, true}) {
    if (from_wire && network.interfaces.empty()) break;
    if (from_wire) question.from_wire = Attachment{0, network.interfaces.back().device.index};
    Choices choices;
    static_cast<void>(ask_model(world, question, choices));
  }
}

void check_lines(std::string_view text) {
  HeldWorld world;
  world.places.emplace_back();
  read_network(text, world);
  HeldNetwork& network = *world.places.front().network;
  const std::string once = lines_of(network);
  HeldWorld again;
  again.places.emplace_back();
  try {
    read_network(once, again);
  } catch (const core::Error&) {
    require(false);
  }
  // Elements of lists without a name come together, so the second writing is the last.
  require(lines_of(*again.places.front().network).size() == once.size());
  static_cast<void>(ruleset_text(network.rules));
  Redaction redaction(digest);
  HeldRuleset rules;
  redact_rules(network.rules, rules, redaction);
  HeldNetwork other;
  copy_lines(network, rules, redaction, other);
  static_cast<void>(lines_of(other));
  ask(world);
}

std::string compressed(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return "";
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned kind = input.byte();
  try {
    if (kind == 'b') {
      static_cast<void>(cmd::read_bundle(input.text()));
    } else if (kind == 't') {
      static_cast<void>(cmd::read_bundle(compressed(input.text())));
    } else if (kind == 'j') {
      Redaction redaction(digest);
      static_cast<void>(cmd::redact_json(input.text(), redaction));
    } else {
      check_lines(input.text());
    }
  } catch (const core::Error&) {
    return 0;
  }
  return 0;
}
