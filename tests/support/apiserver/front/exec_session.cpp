#include "support/apiserver/front/exec_session.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>

extern char** environ;

namespace support::apiserver {
namespace {

constexpr char input_channel = 0;
constexpr char output_channel = 1;
constexpr char errors_channel = 2;
constexpr char status_channel = 3;

std::string server_frame(unsigned opcode, const std::string& bytes) {
  std::string frame(1, static_cast<char>(0x80U | opcode));
  if (bytes.size() < 126) {
    frame += static_cast<char>(bytes.size());
  } else {
    frame += static_cast<char>(126);
    frame += static_cast<char>(bytes.size() >> 8);
    frame += static_cast<char>(bytes.size());
  }
  return frame + bytes;
}

}  // namespace

std::string ExecSession::head(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, section 1.3
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> accept{};
  EVP_EncodeBlock(accept.data(), digest.data(), static_cast<int>(size));
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\nSec-WebSocket-Accept: " +
         std::string(reinterpret_cast<const char*>(accept.data())) + "\r\n\r\n";
}

ExecSession::ExecSession(event_base* base, const std::vector<std::string>& words, Write write,
                         std::function<void()> end)
    : write_(std::move(write)), end_(std::move(end)) {
  std::array<std::array<int, 2>, 3> pipes{};
  for (auto& one : pipes) {
    if (pipe2(one.data(), O_CLOEXEC) != 0) {
      finish();
      return;
    }
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[0][0], 0);
  posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipes[2][1], 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t pipe_signal;
  sigemptyset(&none);
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const char* const program = std::getenv("APISERVER_EXEC");
  std::vector<std::string> all = {program == nullptr ? "/bin/false" : program};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (posix_spawn(&child_, arguments[0], &actions, &attributes, arguments.data(), environ) != 0) {
    child_ = -1;
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(pipes[0][0]);
  close(pipes[1][1]);
  close(pipes[2][1]);
  input_ = pipes[0][1];
  const auto hear = [&](Stream& stream, char channel, int fd) {
    stream.session = this;
    stream.channel = channel;
    stream.fd = fd;
    stream.event.reset(event_new(base, fd, EV_READ | EV_PERSIST, on_output, &stream));
    event_add(stream.event.get(), nullptr);
  };
  hear(output_, output_channel, pipes[1][0]);
  hear(errors_, errors_channel, pipes[2][0]);
}

ExecSession::~ExecSession() {
  for (Stream* const stream : {&output_, &errors_}) {
    stream->event.reset();
    if (stream->fd >= 0) close(stream->fd);
  }
  if (input_ >= 0) close(input_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
}

void ExecSession::on_output(evutil_socket_t fd, short, void* given) {
  auto& stream = *static_cast<Stream*>(given);
  std::array<char, 16384> buffer;
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size > 0) {
    stream.session->send(stream.channel,
                         std::string(buffer.data(), static_cast<std::size_t>(size)));
    return;
  }
  stream.event.reset();
  close(stream.fd);
  stream.fd = -1;
  ExecSession& session = *stream.session;
  if (session.output_.fd < 0 && session.errors_.fd < 0) session.finish();
}

void ExecSession::send(char channel, const std::string& bytes) {
  write_(server_frame(2, channel + bytes));
}

void ExecSession::finish() {
  int status = 0;
  if (child_ > 0) waitpid(child_, &status, 0);
  const bool started = std::exchange(child_, -1) > 0;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (!started) {
    send(status_channel, R"({"kind":"Status","status":"Failure","reason":"InternalError",)"
                         R"("message":"the command was not started"})");
  } else if (code == 0) {
    send(status_channel, R"({"kind":"Status","metadata":{},"status":"Success"})");
  } else {
    const std::string text = std::to_string(code);
    send(status_channel,
         R"({"kind":"Status","status":"Failure","reason":"NonZeroExitCode","message":)"
         R"("command terminated with non-zero exit code: exit status )" +
             text + R"(","details":{"causes":[{"reason":"ExitCode","message":")" + text + "\"}]}}");
  }
  write_(server_frame(8, std::string("\x03\xe8", 2)));
  end_();
}

void ExecSession::take(std::string& input) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(input[at]); };
  // What pona sends is short and masked.
  while (input.size() >= 6) {
    const std::size_t size = byte(1) & 0x7fU;
    if (input.size() < 6 + size) return;
    std::string bytes = input.substr(6, size);
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ byte(2 + i % 4));
    }
    const unsigned opcode = byte(0) & 0x0fU;
    input.erase(0, 6 + size);
    if (opcode == 9) write_(server_frame(10, bytes));
    if (opcode != 2 || bytes.empty() || bytes[0] != input_channel || input_ < 0) continue;
    [[maybe_unused]] const ssize_t written = write(input_, bytes.data() + 1, bytes.size() - 1);
  }
}

}  // namespace support::apiserver
