#include "tests/cmd/call.h"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is POSIX

#include <filesystem>
#include <fstream>
#include <sstream>

namespace meshgraft::test {
namespace {

int no_controller(const Options&, const Terminal& terminal) {
  terminal.out << "controller\n";
  return 0;
}

Terminal terminal_of(const Given& given, std::istream& in, std::ostream& out, std::ostream& err) {
  Terminal terminal{in, out, err};
  terminal.environment = given.environment;
  terminal.colour = given.colour;
  terminal.pause = [clock = given.clock, pause = given.pause](std::chrono::seconds time) {
    *clock += time;
    if (pause) pause(time);
  };
  terminal.now = [clock = given.clock] { return *clock; };
  terminal.connect = given.connect ? given.connect : connect;
  return terminal;
}

}  // namespace

Called call(std::vector<std::string> arguments, const Given& given) {
  arguments.insert(arguments.begin(), "/usr/bin/meshgraft");
  std::istringstream in(given.input);
  std::ostringstream out;
  std::ostringstream err;
  const int status = program(arguments, terminal_of(given, in, out, err), no_controller);
  return {status, out.str(), err.str()};
}

int call_into(std::vector<std::string> arguments, const Given& given, std::string& out) {
  arguments.insert(arguments.begin(), "/usr/bin/meshgraft");
  std::istringstream in(given.input);
  std::ostringstream printed;
  std::ostringstream err;
  Terminal terminal = terminal_of(given, in, printed, err);
  terminal.pause = [&out, &printed, pause = terminal.pause](std::chrono::seconds time) {
    out = printed.str();
    pause(time);
  };
  const int status = program(arguments, terminal, no_controller);
  out = printed.str();
  return status;
}

std::string flat(const std::string& text) {
  std::istringstream words(text);
  std::string result;
  for (std::string word; words >> word;) result += (result.empty() ? "" : " ") + word;
  return result;
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "meshgraft-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data()) == nullptr ? "." : pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  if (path_ != ".") std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

std::string deployment_yaml(const std::string& name, const std::string& extra_annotation) {
  return "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " + name + "\n  labels: {app: " + name + "}\n" +
         (extra_annotation.empty() ? "" : "  annotations: {" + extra_annotation + "}\n") + "spec:\n  selector: {matchLabels: {app: " + name +
         "}}\n  template:\n    metadata: {labels: {app: " + name + "}}\n    spec: {containers: [{name: main, image: \"example.com/" + name +
         ":1\", ports: [{containerPort: 8080}]}]}\n---\n";
}

std::string service_yaml(const std::string& name) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec:\n  selector: {app: " + name +
         "}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n---\n";
}

}  // namespace meshgraft::test
