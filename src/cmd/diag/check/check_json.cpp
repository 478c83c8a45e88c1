#include "cmd/diag/check/check_json.hpp"

#include <nlohmann/json.hpp>

#include "kube/decode/json_text.hpp"

namespace cmd {

std::string check_json(const core::check::Report& report) {
  using CheckJson = nlohmann::ordered_json;
  CheckJson results = CheckJson::array();
  for (const core::check::Result& result : report.results) {
    const core::check::Code& code = core::check::code_of(result.code);
    CheckJson fixes = CheckJson::array();
    for (const core::check::Fix& fix : result.fixes) {
      fixes.push_back(CheckJson{{"command", fix.command}, {"comment", fix.comment}});
    }
    results.push_back(CheckJson{{"group", to_string(code.group)},
                                {"code", core::check::code_text(result.code)},
                                {"name", code.name},
                                {"state", to_string(result.state)},
                                {"what", result.what},
                                {"evidence", result.evidence},
                                {"fix", std::move(fixes)}});
  }
  return kube::dump_json(CheckJson{{"schema", "pona.diag.check/v1"},
                                   {"role", to_string(report.role)},
                                   {"subject", report.subject},
                                   {"results", std::move(results)}}) +
         "\n";
}

}  // namespace cmd
