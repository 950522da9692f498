#pragma once
// call: runs the program in this process with arguments and input, and keeps what it printed. For the tests of cmd.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/program.h"

namespace meshgraft::test {

struct Called {
  int status = 0;
  std::string out, err;
};

struct Given {
  std::string input;  // standard input
  Environment environment = {};
  std::function<Result<Connection>(const Options&, const Environment&)> connect = {};
  bool colour = false;
  std::function<void(std::chrono::seconds)> pause = {};  // what goes on between two looks
  std::shared_ptr<Time> clock = std::make_shared<Time>();  // goes on with every pause, and where a test says that a call takes time
};

// `arguments` without the program's name.
Called call(std::vector<std::string> arguments, const Given& given = {});

// The same with what is printed kept in `out`, also when a pause throws. Returns the exit status.
int call_into(std::vector<std::string> arguments, const Given& given, std::string& out);

// `text` with every run of white space as one space: for sentences that were wrapped.
std::string flat(const std::string& text);

// A directory of its own below the test's temporary directory, removed with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A Deployment of one container and its Service, both called `name`, as people have them.
std::string deployment_yaml(const std::string& name, const std::string& extra_annotation = "");
std::string service_yaml(const std::string& name);

}  // namespace meshgraft::test
