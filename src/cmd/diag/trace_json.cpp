#include "cmd/diag/trace_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.hpp"
#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/text.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {
namespace {

using TraceJson = nlohmann::ordered_json;
namespace packet = core::packet;

TraceJson packet_json(const packet::Packet& one) {
  TraceJson json = {{"protocol", packet::protocol_text(one.protocol)},
                    {"source", to_string(one.source)},
                    {"destination", to_string(one.destination)},
                    {"ttl", one.ttl}};
  if (one.has_ports()) {
    json["sourcePort"] = one.source_port;
    json["destinationPort"] = one.destination_port;
  }
  return json;
}

TraceJson rule_json(const packet::RuleReference& rule) {
  return {{"family", packet::to_string(rule.chain.family)},
          {"table", rule.chain.table},
          {"chain", rule.chain.name},
          {"handle", rule.handle},
          {"number", rule.number},
          {"comment", rule.comment},
          {"text", rule.text}};
}

TraceJson step_json(const packet::Trace& trace, std::size_t i) {
  const packet::Step& step = trace.steps[i];
  TraceJson json = {{"n", i + 1},
                    {"direction", step.reply ? "reply" : "request"},
                    {"place", trace.places[step.place]},
                    {"where", step.where},
                    {"action", packet::to_string(step.what)},
                    {"text", step.text},
                    {"packet", packet_json(step.packet)},
                    {"encapsulation", step.encapsulation}};
  if (step.before) json["before"] = packet_json(*step.before);
  if (step.rule) json["rule"] = rule_json(*step.rule);
  if (step.connection) {
    json["conntrack"] = {{"id", step.connection->id},
                         {"original", packet::to_text(step.connection->original)},
                         {"reply", packet::to_text(step.connection->reply)},
                         {"status", step.connection->status}};
  }
  if (step.mtu != 0) json["mtu"] = step.mtu;
  if (!step.notes.empty()) json["notes"] = step.notes;
  if (!step.evaluated.empty()) {
    json["evaluated"] = TraceJson::array();
    for (const packet::RuleReference& rule : step.evaluated)
      json["evaluated"].push_back(rule_json(rule));
  }
  json["evidence"] = TraceJson::array();
  if (step.modelled) json["evidence"].push_back("model");
  if (step.traced) json["evidence"].push_back("nftrace");
  if (step.captured) json["evidence"].push_back("capture");
  if (step.at) json["milliseconds"] = *step.at;
  return json;
}

TraceJson finding_json(const packet::Finding& finding, const packet::Trace& trace) {
  const packet::Code* const code = packet::find_code(finding.code);
  TraceJson json = {{"code", packet::code_text(finding.code)},
                    {"name", code != nullptr ? code->name : ""},
                    {"title", code != nullptr ? code->title : ""},
                    {"fatal", finding.fatal},
                    {"why", finding.why},
                    {"fix", TraceJson::array()}};
  if (finding.step < trace.steps.size()) {
    json["step"] = finding.step + 1;
    json["place"] = trace.places[trace.steps[finding.step].place];
  }
  for (const packet::Finding::Fix& fix : finding.fixes) {
    json["fix"].push_back({{"command", fix.command}, {"effect", fix.effect}});
  }
  return json;
}

constexpr std::array<std::string_view, 5> end_texts = {"delivered", "answered", "left", "dropped",
                                                       "unknown"};

std::string_view end_text(packet::Way::End end) { return end_texts[static_cast<std::size_t>(end)]; }

TraceJson cookie_json(const packet::Cookie& cookie) {
  std::string payload;
  constexpr std::string_view digits = "0123456789abcdef";
  for (const std::uint8_t byte : cookie.payload) {
    payload += digits[byte >> 4];
    payload += digits[byte & 15];
  }
  return {{"sequence", cookie.sequence},
          {"id", cookie.id},
          {"payload", payload},
          {"protocol", cookie.protocol}};
}

TraceJson result_json(const packet::Trace& trace) {
  TraceJson json = {
      {"schema", "pona.diag.trace/v1"},
      {"result", packet::to_string(trace.result)},
      {"exit", packet::exit_status(trace.result)},
      {"kind", trace.kind},
      {"object", trace.object},
      {"host", trace.host},
      {"probe", packet_json(trace.probe)},
      {"cookie", cookie_json(trace.cookie)},
      {"ends", {{"request", end_text(trace.request_end)}, {"reply", end_text(trace.reply_end)}}},
      {"live", trace.live},
      {"answered", trace.answered}};
  if (trace.seen_source) json["seenSource"] = to_string(*trace.seen_source);
  if (trace.symmetric) json["symmetric"] = *trace.symmetric;
  json["findings"] = TraceJson::array();
  for (const packet::Finding& finding : trace.findings) {
    json["findings"].push_back(finding_json(finding, trace));
  }
  json["checks"] = trace.facts;
  json["differences"] = trace.differences;
  json["assumptions"] = TraceJson::array();
  for (const packet::Assumption& one : trace.assumptions) {
    json["assumptions"].push_back({{"where", one.where}, {"text", one.text}});
  }
  json["choices"] = TraceJson::array();
  for (const packet::Taken& one : trace.forks) {
    json["choices"].push_back(
        {{"what", one.fork.what}, {"option", one.option + 1}, {"options", one.fork.options}});
  }
  if (!trace.live_note.empty()) json["liveNote"] = trace.live_note;
  json["timing"] = {{"modelMilliseconds", trace.model_ms}, {"liveMilliseconds", trace.live_ms}};
  return json;
}

TraceJson trace_json(const packet::Trace& trace) {
  TraceJson json = result_json(trace);
  json["steps"] = TraceJson::array();
  for (std::size_t i = 0; i < trace.steps.size(); ++i) json["steps"].push_back(step_json(trace, i));
  return json;
}

// --- reading ------------------------------------------------------------------------------------
[[noreturn]] void no_trace(const std::string& why) {
  throw core::Error(core::Error::Kind::permanent, "it is no trace of pona diag: " + why);
}

std::string text_at(const TraceJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}
template <typename Number>
Number number_at(const TraceJson& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_unsigned()) return 0;
  const auto number = found->get<std::uint64_t>();
  return number <= std::numeric_limits<Number>::max() ? static_cast<Number>(number) : Number{0};
}
bool flag_at(const TraceJson& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}
const TraceJson& part_at(const TraceJson& json, const char* key, bool list) {
  static const TraceJson no_list = TraceJson::array();
  static const TraceJson no_object = TraceJson::object();
  const auto found = json.find(key);
  if (found != json.end() && (list ? found->is_array() : found->is_object())) return *found;
  return list ? no_list : no_object;
}

packet::Packet read_packet(const TraceJson& json) {
  packet::Packet result;
  const auto source = core::Address::parse(text_at(json, "source"));
  const auto destination = core::Address::parse(text_at(json, "destination"));
  if (!source || !destination || source->family() != destination->family()) {
    no_trace("a packet has no addresses");
  }
  result.family = source->family();
  result.source = *source;
  result.destination = *destination;
  const std::string protocol = text_at(json, "protocol");
  for (int number = 0; number < 256; ++number) {
    if (packet::protocol_text(static_cast<std::uint8_t>(number)) == protocol) {
      result.protocol = static_cast<std::uint8_t>(number);
    }
  }
  result.ttl = number_at<std::uint8_t>(json, "ttl");
  result.source_port = number_at<std::uint16_t>(json, "sourcePort");
  result.destination_port = number_at<std::uint16_t>(json, "destinationPort");
  return result;
}

packet::RuleReference read_rule(const TraceJson& json) {
  packet::RuleReference rule;
  const std::string family = text_at(json, "family");
  for (const auto one :
       {packet::TableFamily::inet, packet::TableFamily::ip, packet::TableFamily::ip6,
        packet::TableFamily::bridge, packet::TableFamily::netdev}) {
    if (packet::to_string(one) == family) rule.chain.family = one;
  }
  rule.chain.table = text_at(json, "table");
  rule.chain.name = text_at(json, "chain");
  rule.handle = number_at<std::uint64_t>(json, "handle");
  rule.number = number_at<std::size_t>(json, "number");
  rule.comment = text_at(json, "comment");
  rule.text = text_at(json, "text");
  return rule;
}

std::size_t place_called(packet::Trace& trace, const std::string& name) {
  const auto found = std::ranges::find(trace.places, name);
  if (found != trace.places.end()) return static_cast<std::size_t>(found - trace.places.begin());
  trace.places.push_back(name);
  return trace.places.size() - 1;
}

packet::Step read_step(packet::Trace& trace, const TraceJson& json) {
  packet::Step step;
  const std::string action = text_at(json, "action");
  for (int what = 0; what <= static_cast<int>(packet::Step::What::drop); ++what) {
    if (packet::to_string(static_cast<packet::Step::What>(what)) == action) {
      step.what = static_cast<packet::Step::What>(what);
    }
  }
  step.reply = text_at(json, "direction") == "reply";
  step.place = place_called(trace, text_at(json, "place"));
  step.where = text_at(json, "where");
  step.text = text_at(json, "text");
  step.packet = read_packet(part_at(json, "packet", false));
  if (json.contains("before")) step.before = read_packet(part_at(json, "before", false));
  if (json.contains("rule")) step.rule = read_rule(part_at(json, "rule", false));
  step.encapsulation = number_at<std::size_t>(json, "encapsulation");
  step.mtu = number_at<std::uint32_t>(json, "mtu");
  for (const TraceJson& one : part_at(json, "evidence", true)) {
    step.modelled = step.modelled || one == "model";
    step.traced = step.traced || one == "nftrace";
    step.captured = step.captured || one == "capture";
  }
  return step;
}

packet::Finding read_finding(const TraceJson& json) {
  packet::Finding finding;
  const packet::Code* const code = packet::find_code(text_at(json, "code"));
  if (code == nullptr) no_trace("there is no code \"" + text_at(json, "code") + "\"");
  finding.code = code->number;
  finding.fatal = flag_at(json, "fatal");
  finding.why = text_at(json, "why");
  // Counted from 1; without: none.
  finding.step = number_at<std::size_t>(json, "step") - 1;
  for (const TraceJson& fix : part_at(json, "fix", true)) {
    if (fix.is_object()) finding.fixes.push_back({text_at(fix, "command"), text_at(fix, "effect")});
  }
  return finding;
}

}  // namespace

packet::Trace parse_trace(const std::string& text) {
  if (kube::nested_too_deep(text)) no_trace("it is nested too deep");
  const TraceJson json = TraceJson::parse(text, nullptr, false);
  if (!json.is_object() || text_at(json, "schema") != "pona.diag.trace/v1") {
    no_trace("it is not what -o json prints of one way");
  }
  packet::Trace trace;
  trace.host = text_at(json, "host");
  trace.kind = text_at(json, "kind");
  trace.object = text_at(json, "object");
  trace.probe = read_packet(part_at(json, "probe", false));
  const TraceJson& cookie = part_at(json, "cookie", false);
  // The probe may be what it is inside of, on a host that only sees the tunnel.
  trace.cookie.protocol = number_at<std::uint8_t>(cookie, "protocol");
  if (trace.cookie.protocol == 0) trace.cookie.protocol = trace.probe.protocol;
  trace.cookie.sequence = number_at<std::uint32_t>(cookie, "sequence");
  trace.cookie.id = number_at<std::uint16_t>(cookie, "id");
  const std::string payload = text_at(cookie, "payload");
  for (std::size_t i = 0; i < trace.cookie.payload.size() && 2 * i + 1 < payload.size(); ++i) {
    unsigned byte = 0;
    const char* const digits = payload.data() + 2 * i;
    std::from_chars(digits, digits + 2, byte, 16);
    trace.cookie.payload[i] = static_cast<std::uint8_t>(byte);
  }
  for (const TraceJson& step : part_at(json, "steps", true)) {
    if (!step.is_object()) no_trace("a step is none");
    trace.steps.push_back(read_step(trace, step));
  }
  for (const TraceJson& finding : part_at(json, "findings", true)) {
    if (!finding.is_object()) no_trace("a finding is none");
    trace.findings.push_back(read_finding(finding));
  }
  const TraceJson& ends = part_at(json, "ends", false);
  for (std::size_t end = 0; end < end_texts.size(); ++end) {
    if (text_at(ends, "request") == end_texts[end])
      trace.request_end = static_cast<packet::Way::End>(end);
    if (text_at(ends, "reply") == end_texts[end])
      trace.reply_end = static_cast<packet::Way::End>(end);
  }
  for (const TraceJson& one : part_at(json, "assumptions", true)) {
    if (one.is_object()) trace.assumptions.push_back({text_at(one, "where"), text_at(one, "text")});
  }
  trace.live = flag_at(json, "live");
  trace.answered = flag_at(json, "answered");
  trace.live_note = text_at(json, "liveNote");
  for (int result = 0; result <= static_cast<int>(packet::Trace::Result::unprivileged); ++result) {
    if (packet::to_string(static_cast<packet::Trace::Result>(result)) == text_at(json, "result")) {
      trace.result = static_cast<packet::Trace::Result>(result);
    }
  }
  return trace;
}

std::string traces_json(const std::vector<packet::Trace>& traces) {
  if (traces.size() == 1) return kube::dump_json(trace_json(traces.front()), 2) + '\n';
  TraceJson all = TraceJson::array();
  for (const packet::Trace& trace : traces) all.push_back(trace_json(trace));
  return kube::dump_json(all, 2) + '\n';
}

std::string traces_jsonl(const std::vector<packet::Trace>& traces) {
  std::string text;
  for (const packet::Trace& trace : traces) {
    for (std::size_t i = 0; i < trace.steps.size(); ++i) {
      text += kube::dump_json(step_json(trace, i)) + '\n';
    }
    text += kube::dump_json(result_json(trace)) + '\n';
  }
  return text;
}

}  // namespace cmd
