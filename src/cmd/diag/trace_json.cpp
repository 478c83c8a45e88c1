#include "cmd/diag/trace_json.hpp"

#include <nlohmann/json.hpp>

#include "core/packet/diagnosis/codes.hpp"
#include "core/packet/diagnosis/text.hpp"
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

TraceJson result_json(const packet::Trace& trace) {
  TraceJson json = {{"schema", "pona.diag.trace/v1"},
                    {"result", packet::to_string(trace.result)},
                    {"exit", packet::exit_status(trace.result)},
                    {"kind", trace.kind},
                    {"object", trace.object},
                    {"probe", packet_json(trace.probe)},
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

}  // namespace

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
