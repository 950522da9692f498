# Everything we link, all from Debian 12. scripts/packages.txt names the packages.
find_package(cpprestsdk REQUIRED)      # HTTPS to the API server
find_package(nlohmann_json REQUIRED)   # writing applies, small documents, CLI output
find_package(simdjson REQUIRED)        # reading lists and events
find_package(yaml-cpp REQUIRED)        # manifests, kubeconfig
find_package(OpenSSL REQUIRED)         # TLS, certificates
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)          # logs
find_package(prometheus-cpp REQUIRED CONFIG)  # metrics
# Debian 12's files for CMake do not say its version; what pkg-config reads does.
find_file(PROMETHEUS_CPP_PC prometheus-cpp-core.pc REQUIRED PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE}/pkgconfig PATHS /usr/lib)
file(STRINGS "${PROMETHEUS_CPP_PC}" prometheus-cpp_VERSION REGEX "^Version: ")
string(REPLACE "Version: " "" prometheus-cpp_VERSION "${prometheus-cpp_VERSION}")
find_package(CLI11 REQUIRED)           # arguments
find_package(ZLIB REQUIRED)
find_library(CIVETWEB_CPP civetweb-cpp REQUIRED)  # the probe server
find_library(CIVETWEB civetweb REQUIRED)
if(MESHGRAFT_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
