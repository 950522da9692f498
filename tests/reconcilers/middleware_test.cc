#include "reconcilers/middleware.h"

#include <string>

#include "reconcilers/image.h"
#include "reconcilers/middleware_table.h"
#include "tests/reconcilers/given.h"

namespace meshgraft {
namespace {

std::string workload(const std::string& name, const std::string& image, const std::string& port, const std::string& extra = "") {
  return "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: " + name + "}\nspec:\n  selector: {matchLabels: {app: " + name +
         "}}\n  template:\n    metadata: {labels: {app: " + name + "}}\n    spec:\n      containers:\n      - name: main\n        image: " + image +
         "\n        ports: [{containerPort: " + port + "}]\n" + extra;
}

std::string service(const std::string& name, const std::string& selected, const std::string& ports) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec:\n  selector: {app: " + selected + "}\n  ports: " + ports + "\n";
}

std::string product_of(const std::string& image) {
  const Middleware found = find_middleware(given::view(workload("thing", image, "1")));
  return found.workloads.empty() ? "" : found.workloads.begin()->second;
}

TEST(Middleware, images_as_people_run_them_are_recognised) {
  const struct {
    const char* image;
    const char* product;
  } rows[] = {
      {"nacos/nacos-server:v2.2.3", "Nacos"},
      {"registry.cn-hangzhou.aliyuncs.com/mirror/nacos-server:2.1.0-slim", "Nacos"},
      {"harbor.corp:8443/base/nacos-server@sha256:0000000000000000000000000000000000000000000000000000000000000000", "Nacos"},
      {"qingpan/rnacos:stable", "Nacos"},
      {"registry.example.com/tools/r-nacos:v0.5", "Nacos"},
      {"mysql:8.0.33", "MySQL"},
      {"docker.io/bitnami/mysql:8.0", "MySQL"},
      {"container-registry.oracle.com/mysql/community-server:8.0", "MySQL"},
      {"daocloud.io/library/mariadb:10.6", "MySQL"},
      {"bitnami/mariadb-galera:10.11", "MySQL"},
      {"pingcap/tidb:v7.1.0", "TiDB"},
      {"oceanbase/oceanbase-ce:4.2", "OceanBase"},
      {"swr.cn-north-4.myhuaweicloud.com/library/postgres:14", "PostgreSQL"},
      {"bitnami/postgresql-repmgr:15", "PostgreSQL"},
      {"enmotech/opengauss:5.0.0", "openGauss"},
      {"dm8_single:dm8_20230808", "Dameng"},
      {"gvenzl/oracle-xe:21", "Oracle"},
      {"mcr.microsoft.com/mssql/server:2019-latest", "SQL Server"},
      {"redis:6.2-alpine", "Redis"},
      {"hub.docker.com/library/redis-7.0:latest", "Redis"},
      {"bitnami/redis-cluster:7.0", "Redis"},
      {"bitnami/redis-sentinel:7.0", "Redis"},
      {"valkey/valkey:8", "Redis"},
      {"mongo:4.4", "MongoDB"},
      {"bitnami/mongodb-sharded:6.0", "MongoDB"},
      {"memcached:1.6", "Memcached"},
      {"bitnami/kafka:3.4", "Kafka"},
      {"confluentinc/cp-kafka:7.4.0", "Kafka"},
      {"quay.io/strimzi/kafka:0.38.0-kafka-3.6.0", "Kafka"},
      {"zookeeper:3.8", "ZooKeeper"},
      {"apache/rocketmq:5.1.4", "RocketMQ"},
      {"rocketmqinc/rocketmq-broker:4.5.0-alpine-operator", "RocketMQ"},
      {"registry.local/mq/rocketmq-namesrv:4.9.4", "RocketMQ"},
      {"rabbitmq:3.12-management", "RabbitMQ"},
      {"apache/activemq-artemis:2.31", "ActiveMQ"},
      {"apachepulsar/pulsar-all:3.1", "Pulsar"},
      {"emqx/emqx:5.3", "MQTT broker"},
      {"nats:2.10", "NATS"},
      {"docker.elastic.co/elasticsearch/elasticsearch:7.17.3", "Elasticsearch"},
      {"opensearchproject/opensearch:2.11.0", "Elasticsearch"},
      {"clickhouse/clickhouse-server:23.8", "ClickHouse"},
      {"cassandra:4.1", "Cassandra"},
      {"tdengine/tdengine:3.2", "TDengine"},
      {"quay.io/coreos/etcd:v3.5.9", "etcd"},
      {"hashicorp/consul:1.16", "Consul"},
      {"seataio/seata-server:1.6.1", "Seata"},
      {"bladex/sentinel-dashboard:1.8.6", "Sentinel dashboard"},
      {"xuxueli/xxl-job-admin:2.4.0", "XXL-JOB"},
      {"canal/canal-server:v1.1.7", "Canal"},
      {"minio/minio:RELEASE.2023-09-30T07-02-29Z", "MinIO"},
      {"apache/skywalking-oap-server:9.5.0", "SkyWalking"},
      // and these are not
      {"mcr.example.com/team/server:1.0", ""},
      {"prom/mysqld-exporter:v0.15", ""},
      {"oliver006/redis_exporter:v1.55", ""},
      {"company/nacos-client-demo:1.0", ""},
      {"company/order-service:8848", ""},
      {"apacherocketmq/rocketmq-dashboard:1.0.0", ""},
      {"nginx:1.25", ""},
      {"", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(product_of(row.image), row.product) << row.image;
}

TEST(Middleware, an_unknown_image_needs_the_port_and_a_word) {
  const struct {
    const char *name, *port, *product;
  } rows[] = {
      {"mysql57-primary", "3306", "MySQL"}, {"redis", "6379", "Redis"},       {"zk", "2181", "ZooKeeper"},
      {"rmqnamesrv", "9876", "RocketMQ"},   {"es-master", "9300", "Elasticsearch"}, {"orders", "3306", ""},
      {"redis-web", "8080", ""},            {"rocketmq-consumer", "8081", ""}, {"kafka-exporter", "9092", ""},
      {"xxl-job-executor", "8080", ""},     {"sentinel-demo", "8080", ""},     {"gateway", "8848", ""},
  };
  for (const auto& row : rows) {
    const Middleware found = find_middleware(given::view(workload(row.name, "harbor.corp/base/x:1", row.port)));
    EXPECT_EQ(found.workloads.empty() ? "" : found.workloads.begin()->second, row.product) << row.name << " " << row.port;
  }
}

TEST(Middleware, every_service_of_nacos_pods_counts) {
  const auto view = given::view(workload("nacos", "nacos/nacos-server:v2.2.3", "8848") +
                                service("nacos-headless", "nacos", "[{port: 8848}, {port: 9848, name: rpc}]") +
                                service("nacos-client", "nacos", "[{port: 80, targetPort: 8848}]") + service("web", "web", "[{port: 80}]"));
  const Middleware found = find_middleware(view);
  ASSERT_EQ(found.services.size(), 2U);
  EXPECT_EQ(found.services.at("nacos-headless").product, "Nacos");
  EXPECT_EQ(found.services.at("nacos-headless").nacos_port, 8848);
  EXPECT_EQ(found.services.at("nacos-headless").evidence, "image nacos/nacos-server:v2.2.3");
  EXPECT_EQ(found.services.at("nacos-client").nacos_port, 8848);
}

TEST(Middleware, nacos_is_known_by_a_pair_of_ports_but_never_by_9848_alone) {
  const std::string pods = workload("registry", "harbor.corp/base/registry:1", "8848");
  EXPECT_TRUE(find_middleware(given::view(pods + service("reg", "registry", "[{port: 8848, name: a}, {port: 9848, name: b}]"))).has_service("reg"));
  EXPECT_FALSE(find_middleware(given::view(pods + service("reg", "registry", "[{port: 9848, name: b}]"))).has_service("reg"));
  EXPECT_FALSE(find_middleware(given::view(pods + service("reg", "registry", "[{port: 8848, name: a}]"))).has_service("reg"));
  EXPECT_FALSE(find_middleware(given::view(pods + service("reg", "registry", "[{port: 8080, name: a}, {port: 9080, name: b}]"))).has_service("reg"));
  EXPECT_EQ(find_middleware(given::view(pods + service("my-nacos", "registry", "[{port: 8849, name: a}, {port: 9849, name: b}]"))).services.at("my-nacos").nacos_port,
            8849);
}

TEST(Middleware, nacos_on_another_port_is_told_by_its_variable) {
  const auto view = given::view(workload("registry", "harbor.corp/base/registry:1", "8850", "        env: [{name: NACOS_APPLICATION_PORT, value: \"8850\"}]\n") +
                                service("reg", "registry", "[{port: 8850, name: a}, {port: 9850, name: b}]"));
  EXPECT_EQ(find_middleware(view).services.at("reg").nacos_port, 8850);
}

TEST(Middleware, a_service_that_merely_calls_middleware_is_none) {
  const auto view = given::view(workload("orders", "company/orders:1", "8080", "        env: [{name: REDIS_HOST, value: redis}, {name: NACOS_ADDR, value: \"nacos:8848\"}]\n") +
                                service("orders", "orders", "[{port: 6379, targetPort: 8080}, {port: 8848, targetPort: 8080, name: x}]"));
  EXPECT_TRUE(find_middleware(view).services.empty());
  EXPECT_TRUE(find_middleware(view).workloads.empty());
}

TEST(Middleware, a_sidecar_that_is_a_cache_does_not_make_the_pod_middleware) {
  const auto view = given::view(workload("orders", "company/orders:1", "8080", "      - {name: cache, image: \"redis:7\"}\n") + service("orders", "orders", "[{port: 80, targetPort: 8080}]"));
  EXPECT_TRUE(find_middleware(view).services.empty());
}

TEST(Image, references_fall_into_their_parts) {
  EXPECT_EQ(image_name("localhost:5000/Nacos-Server"), "nacos-server");
  EXPECT_EQ(image_tag("localhost:5000/nacos-server"), "");
  EXPECT_EQ(image_tag("registry.k8s.io/ingress-nginx/controller:v1.8.1@sha256:e5c4"), "v1.8.1");
  EXPECT_EQ(image_path("registry.k8s.io/ingress-nginx/controller:v1.8.1"), "ingress-nginx/controller");
  EXPECT_EQ(image_path("bitnami/redis"), "bitnami/redis");
}

TEST(Image, one_is_told_by_the_end_of_its_path_wherever_it_is_mirrored) {
  EXPECT_TRUE(is_image("registry.k8s.io/ingress-nginx/controller:v1.8.1@sha256:e5c4", "ingress-nginx/controller"));
  EXPECT_TRUE(is_image("localhost:5000/mirror/Ingress-Nginx/controller", "ingress-nginx/controller"));
  EXPECT_TRUE(is_image("ingress-nginx/controller", "ingress-nginx/controller"));
  EXPECT_FALSE(is_image("registry.k8s.io/my-ingress-nginx/controller:v1", "ingress-nginx/controller"));
  EXPECT_FALSE(is_image("registry.k8s.io/ingress-nginx/controller-chroot:v1", "ingress-nginx/controller"));
  EXPECT_FALSE(is_image("controller", "ingress-nginx/controller"));
  EXPECT_FALSE(is_image("", "ingress-nginx/controller"));
}

TEST(Version, is_read_from_tags_and_words) {
  EXPECT_EQ(parse_version("1.11.2"), (Version{1, 11, 2}));
  EXPECT_EQ(parse_version("v1.8.1"), (Version{1, 8, 1}));
  EXPECT_EQ(parse_version("1.31-dev"), (Version{1, 31, 0}));
  EXPECT_EQ(parse_version("registry.k8s.io/ingress-nginx/controller:v1.15.1@sha256:00"), (Version{1, 15, 1}));
  EXPECT_EQ(parse_version("latest"), std::nullopt);
  EXPECT_EQ(parse_version(""), std::nullopt);
  EXPECT_EQ(parse_version("5"), std::nullopt);
  EXPECT_LT((Version{1, 9, 6}), (Version{1, 12, 0}));
}

}  // namespace
}  // namespace meshgraft
