#include "controller/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace meshgraft {
namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// Seconds between 1970 and the start of the machine.
double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

double count_fds() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count - 3;  // ".", "..", and the folder itself
}

}  // namespace

ProcessUsage read_process_usage() {
  ProcessUsage usage;
  const std::string stat = read_file("/proc/self/stat");
  // The second field is the program's name in parentheses and may hold anything; proc(5) numbers the fields from 1.
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return usage;
  std::istringstream fields(stat.substr(end_of_name + 1));
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::string field;
  for (int number = 3; fields >> field; ++number) {
    const double value = std::strtod(field.c_str(), nullptr);
    if (number == 14 || number == 15) usage.cpu_seconds += value / ticks;
    if (number == 22) usage.start_seconds = boot_time() + value / ticks;
    if (number == 23) usage.virtual_bytes = value;
    if (number == 24) usage.resident_bytes = value * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }
  usage.open_fds = count_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) usage.max_fds = static_cast<double>(limit.rlim_cur);
  return usage;
}

}  // namespace meshgraft
