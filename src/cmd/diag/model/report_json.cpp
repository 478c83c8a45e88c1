#include "cmd/diag/model/report_json.hpp"

#include <nlohmann/json.hpp>

#include "cmd/diag/model/evidence_json.hpp"
#include "kube/decode/json_text.hpp"

namespace cmd {

std::string model_json(const core::cluster_model::Report& report,
                       const core::cluster_model::Evidence& evidence) {
  using Json = nlohmann::ordered_json;
  Json json = {{"schema", "pona.diag.model/v1"}};
  const auto add = [](Json& list, std::initializer_list<std::pair<const char*, Json>> members) {
    Json one = Json::object();
    for (const auto& [key, value] : members) one[key] = value;
    list.push_back(std::move(one));
  };
  Json& models = json["models"] = Json::array();
  for (const auto& one : report.verdicts) {
    add(models, {{"family", one.family ? Json(std::string(to_string(*one.family))) : Json()},
                 {"model", std::string(to_string(one.model))},
                 {"confidence", std::string(to_string(one.confidence))},
                 {"why", one.why},
                 {"against", one.against}});
  }
  Json& facts = json["facts"] = Json::array();
  for (const auto& one : report.facts)
    add(facts, {{"question", one.question}, {"answer", one.answer}, {"seen", one.seen}});
  Json& passages = json["passages"] = Json::array();
  for (const auto& one : report.passages) {
    const auto& gateway = one.gateway;
    add(passages, {{"form", std::string(to_string(gateway.form))},
                   {"direction", leads_out(gateway.form) ? "out" : "in"},
                   {"by", gateway.by},
                   {"count", gateway.count},
                   {"objects", gateway.objects},
                   {"steps", one.steps},
                   {"senderAddress", std::string(to_string(one.sender))},
                   {"lostAtStep", one.lost == 0 ? Json() : Json(one.lost)},
                   {"said", one.said},
                   {"seen", one.seen}});
  }
  Json& costs = json["costs"] = Json::array();
  for (const auto& one : report.costs)
    add(costs, {{"badWhen", one.when}, {"here", one.here}, {"pona", one.pona}});
  Json& unknown = json["unknown"] = Json::array();
  for (const auto& one : report.unknown)
    add(unknown, {{"what", one.what}, {"why", one.why}, {"run", one.command}});
  json["evidence"] = evidence_json(evidence);
  return kube::dump_json(json, 2) + "\n";
}

}  // namespace cmd
