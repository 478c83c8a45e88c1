#include "cmd/serve/diag_answers.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "kube/decode/json_at.hpp"
#include "kube/decode/json_depth.hpp"
#include "kube/decode/json_text.hpp"
#include "os/process.hpp"

namespace cmd {
namespace {

using DiagJson = nlohmann::ordered_json;

constexpr std::size_t most_words = 32;
constexpr std::size_t longest_word = 256;
// More than the longest --timeout.
constexpr std::chrono::seconds longest_run{75};

constexpr std::array<std::string_view, 9> flags = {"--udp",     "--icmp",          "--sctp",
                                                   "--reply",   "--all-endpoints", "--rules",
                                                   "--no-live", "--watch",         "--json"};
constexpr std::array<std::string_view, 8> with_value = {
    "--mark", "--source-port", "--ttl-limit", "--timeout", "--cookie", "--in", "--output", "-o"};

}  // namespace

std::string diag_question(const std::vector<std::string>& words) {
  return kube::dump_json(DiagJson(words));
}

std::optional<std::vector<std::string>> parse_diag_question(std::string_view text) {
  if (kube::nested_too_deep(text)) return std::nullopt;
  const DiagJson json = DiagJson::parse(text, nullptr, false);
  if (!json.is_array() || json.size() > most_words) return std::nullopt;
  std::vector<std::string> words;
  for (const DiagJson& word : json) {
    if (!word.is_string()) return std::nullopt;
    words.push_back(word.get<std::string>());
  }
  return words;
}

std::string diag_refusal(const std::vector<std::string>& words) {
  if (words.size() > most_words) return "these are too many words";
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() > longest_word || word.find('\0') != std::string::npos) {
      return "a word is too long, or no text";
    }
    if (!word.starts_with('-') || word == "->") continue;
    if (std::ranges::find(flags, word) != flags.end()) continue;
    if (std::ranges::find(with_value, word) == with_value.end()) {
      return "a daemon runs no pona diag trace with " + word + ": run it as root on the host";
    }
    if (++i == words.size() || words[i].starts_with('-') || words[i].size() > longest_word) {
      return word + " needs a value";
    }
  }
  return "";
}

std::string to_json(const DiagAnswer& answer) {
  if (!answer.refusal.empty()) return kube::dump_json(DiagJson{{"refused", answer.refusal}});
  return kube::dump_json(
      DiagJson{{"exit", answer.status}, {"output", answer.output}, {"errors", answer.errors}});
}

std::optional<DiagAnswer> parse_diag_answer(std::string_view text) {
  if (kube::nested_too_deep(text)) return std::nullopt;
  const DiagJson json = DiagJson::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  DiagAnswer answer;
  answer.refusal = kube::text_at(json, "refused");
  const auto status = json.find("exit");
  const bool has_status = status != json.end() && status->is_number_integer();
  if (answer.refusal.empty() && !has_status) return std::nullopt;
  if (has_status) answer.status = status->get<int>();
  answer.output = kube::text_at(json, "output");
  answer.errors = kube::text_at(json, "errors");
  return answer;
}

DiagAnswers::~DiagAnswers() {
  abandon_.ring();
  // Each writes its result into its job.
  for (auto& [number, job] : jobs_) job.thread.join();
}

void DiagAnswers::answer(const std::vector<std::string>& words, const Reply& reply) {
  std::string refusal = diag_refusal(words);
  const std::lock_guard lock(mutex_);
  if (refusal.empty() && jobs_.size() >= most_at_once) {
    refusal = std::to_string(most_at_once) + " traces are under way: try again in a few seconds";
  }
  if (!refusal.empty()) return reply(to_json(DiagAnswer{0, {}, {}, refusal}));
  os::ProcessRequest request;
  // Not by a path, where another version may lie by now.
  request.arguments = {"/proc/self/exe", "diag", "trace"};
  request.arguments.insert(request.arguments.end(), own_.begin(), own_.end());
  request.arguments.insert(request.arguments.end(), words.begin(), words.end());
  request.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR=1"};
  request.limit = longest_run;
  request.abandon_fd = abandon_.fd();
  const int number = ++last_;
  Job& job = jobs_[number];
  job.reply = reply;
  job.thread = std::jthread([this, number, request = std::move(request)] {
    DiagAnswer answer;
    try {
      os::ProcessResult result = os::run_process(request);
      answer.status = result.status;
      answer.output = std::move(result.output);
      answer.errors = std::move(result.errors);
      if (result.end == os::ProcessResult::End::killed) answer.refusal = "the trace was killed";
      if (result.end == os::ProcessResult::End::timed_out) answer.refusal = "it took too long";
      if (result.end == os::ProcessResult::End::abandoned) answer.refusal = "the daemon stops";
    } catch (const core::Error& error) {
      answer.refusal = error.what();
    }
    const std::lock_guard done(mutex_);
    jobs_.at(number).result = to_json(answer);
    done_.ring();
  });
}

void DiagAnswers::take() {
  done_.silence();
  std::vector<std::map<int, Job>::node_type> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto job = jobs_.begin(); job != jobs_.end();) {
      const auto next = std::next(job);
      if (!job->second.result.empty()) ended.push_back(jobs_.extract(job));
      job = next;
    }
  }
  for (auto& job : ended) job.mapped().reply(job.mapped().result);
}

}  // namespace cmd
