#pragma once
// The parts of an image reference, as registries, mirrors and digests leave them. Used to recognise middleware and
// ingress controllers by what they run. Pure.

#include <string>
#include <string_view>

namespace meshgraft {

// "registry.cn-hangzhou.aliyuncs.com/x/nacos-server:v2.2@sha256:…" -> "nacos-server", in lower case.
std::string image_name(std::string_view image);

// The same with the path in front of it, without the registry's host: "x/nacos-server".
std::string image_path(std::string_view image);

// Whether image_path(image) is `path` or ends with it behind a slash; `path` in lower case. Allocates nothing.
bool is_image(std::string_view image, std::string_view path);

// "v2.2"; "" when the reference has no tag.
std::string_view image_tag(std::string_view image);

}  // namespace meshgraft
