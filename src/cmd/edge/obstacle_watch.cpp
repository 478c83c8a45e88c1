#include "cmd/edge/obstacle_watch.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/edge/flow_sample.hpp"
#include "core/error.hpp"

namespace cmd {
namespace {

constexpr std::chrono::seconds obstacle_pace{10};
constexpr int obstacle_share = 50;  // a look takes no more than this part of the time

std::string example_of(const core::SampledFlow& sample, bool reply) {
  const core::MappedFlow& flow = sample.flow;
  const core::ForwardKey key{flow.mapped, flow.protocol, {flow.mapped_port, flow.mapped_port}};
  const core::Backend endpoint{flow.endpoint, {flow.endpoint_port, flow.endpoint_port}};
  std::string text = to_string(sample.owner) + ", ";
  text += reply ? "what " + to_string(endpoint) + " answers to clients of " + to_string(key)
                : to_string(key) + " to " + to_string(endpoint);
  if (!flow.in.empty()) text += ", for clients by " + flow.in;
  return text;
}

}  // namespace

bool ObstacleWatch::look(net::Kernel& kernel, const core::EdgePlan& plan, const os::Clock& clock) {
  const os::Time begun = clock.now();
  if (begun < due_) return false;
  due_ = begun + obstacle_pace;
  const auto forwards = plan.forwards();
  const auto samples = core::sample_flows(forwards, plan.host(), plan.external(),
                                          plan.settings().backend == core::BackendMode::cluster_ip);
  std::vector<core::MappedFlow> flows;
  flows.reserve(samples.size());
  for (const core::SampledFlow& sample : samples) flows.push_back(sample.flow);
  std::vector<core::Obstacle> obstacles;
  try {
    obstacles = kernel.obstacles(flows);
  } catch (const core::Error&) {
    return false;
  }
  due_ = std::max(due_, begun + obstacle_share * (clock.now() - begun));

  std::vector<std::string> warnings;
  std::map<core::ObjectId, std::string> blocked;
  std::vector<std::string> chains;
  for (const core::Obstacle& obstacle : obstacles) {
    const core::SampledFlow& sample = samples[obstacle.flow];
    const std::string advice = "; " + obstacle.remedy;
    blocked.emplace(sample.owner,
                    obstacle.chain + " of another program " + obstacle.effect + advice);
    if (std::ranges::find(chains, obstacle.chain) != chains.end()) continue;
    chains.push_back(obstacle.chain);
    warnings.push_back(obstacle.chain + ' ' + obstacle.effect + " (for example " +
                       example_of(sample, obstacle.reply) + ')' + advice);
  }
  const bool news = warnings != warnings_ || blocked != blocked_;
  warnings_ = std::move(warnings);
  chains_ = std::move(chains);
  blocked_ = std::move(blocked);
  return news;
}

}  // namespace cmd
