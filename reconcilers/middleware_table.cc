#include "reconcilers/middleware_table.h"

#include <algorithm>
#include <vector>

namespace meshgraft {
namespace {

// Image names as Docker Hub, bitnami and the vendors publish them; ports as the products document them. Nacos' ports
// follow from its main port (middleware.cc). Port 9200 of Elasticsearch is TLS by default since version 8: TCP.
constexpr std::array kProducts{
    Product{kNacos, {"nacos-server", "r-nacos", "rnacos"}, {"nacos"}, "", {9848, 9849, 7848}, {8848, 8080, 9080}},
    Product{"MySQL",
            {"mysql", "mysql-server", "mariadb", "mariadb-galera", "percona", "percona-server", "percona-xtradb-cluster",
             "mysql/community-server", "proxysql", "mysql-cluster", "polardb-x", "mysql-router"},
            {"mysql", "mariadb", "percona", "proxysql"}, "MYSQL_ROOT_PASSWORD", {3306, 33060, 33061, 6033, 6446, 6447, 4567, 4568, 4444}},
    Product{"TiDB", {"tidb", "tikv", "tiflash"}, {"tidb", "tikv"}, "", {4000, 20160, 3930, 20170}, {10080, 20180}},
    Product{"OceanBase", {"oceanbase-ce", "oceanbase", "obproxy-ce", "obproxy"}, {"oceanbase", "obproxy"}, "", {2881, 2882, 2883}},
    Product{"PostgreSQL",
            {"postgres", "postgresql", "postgresql-repmgr", "postgis", "spilo", "timescaledb", "timescaledb-ha", "pgpool",
             "pgbouncer", "pgvector", "crunchy-postgres"},
            {"postgres", "postgresql", "pgbouncer", "pgpool", "pg"}, "POSTGRES_PASSWORD", {5432, 6432, 9999}},
    Product{"openGauss", {"opengauss", "opengauss-server", "kingbase", "kingbase_v008r006"}, {"opengauss", "gaussdb", "kingbase"}, "GS_PASSWORD", {5432, 54321, 26000}},
    Product{"Dameng", {"dm8", "dm8_single", "dameng"}, {"dameng", "dm", "dmdb"}, "", {5236, 5237}},
    Product{"Oracle", {"oracle-xe", "oracle-free", "oracle-xe-11g", "oracle-19c", "oracle12c"}, {"oracle"}, "ORACLE_SID", {1521, 1522}},
    Product{"SQL Server", {"mssql-server", "mssql-server-linux", "mssql/server"}, {"mssql", "sqlserver"}, "MSSQL_SA_PASSWORD", {1433}},
    Product{"Redis",
            {"redis", "redis-cluster", "redis-sentinel", "redis-stack", "redis-stack-server", "valkey", "valkey-cluster", "keydb",
             "dragonfly", "kvrocks", "pika", "redis-server"},
            {"redis", "valkey", "keydb", "sentinel"}, "", {6379, 26379, 16379, 6380}},
    Product{"MongoDB",
            {"mongo", "mongodb", "mongodb-sharded", "percona-server-mongodb", "mongodb-community-server", "mongodb-enterprise-server"},
            {"mongo", "mongodb", "mongos"}, "MONGO_INITDB_ROOT_USERNAME", {27017, 27018, 27019}},
    Product{"Memcached", {"memcached"}, {"memcached", "memcache"}, "", {11211}},
    Product{"Kafka", {"kafka", "cp-kafka", "cp-server", "kafka-native", "redpanda", "cp-enterprise-kafka"},
            {"kafka", "redpanda", "broker"}, "KAFKA_BROKER_ID", {9092, 9093, 9094, 9095, 19092, 29092, 9091}},
    Product{"ZooKeeper", {"zookeeper", "cp-zookeeper"}, {"zookeeper", "zk"}, "ZOO_MY_ID", {2181, 2888, 3888}, {8080}},
    Product{"RocketMQ",
            {"rocketmq", "rocketmq-namesrv", "rocketmq-broker", "rocketmq-server", "rocketmq-nameserver", "rocketmq-base", "rocketmq-proxy"},
            {"rocketmq", "namesrv", "rmqnamesrv", "rmqbroker", "mqnamesrv", "rmq"}, "", {9876, 10909, 10911, 10912, 8081, 10910}},
    Product{"RabbitMQ", {"rabbitmq"}, {"rabbitmq", "rabbit"}, "RABBITMQ_ERLANG_COOKIE", {5672, 5671, 25672, 4369, 61613, 61614}, {15672, 15692}},
    Product{"ActiveMQ", {"activemq", "activemq-classic", "activemq-artemis", "artemis"}, {"activemq", "artemis"}, "", {61616, 61613, 5672, 1883, 61614}, {8161}},
    Product{"Pulsar", {"pulsar", "pulsar-all"}, {"pulsar", "bookie", "bookkeeper"}, "", {6650, 6651, 3181}},
    Product{"MQTT broker", {"emqx", "emqx-enterprise", "mosquitto", "eclipse-mosquitto", "vernemq", "hivemq4"}, {"emqx", "mosquitto", "mqtt"}, "", {1883, 8883, 4370, 5370}, {18083, 8083}},
    Product{"NATS", {"nats", "nats-streaming", "nats-server"}, {"nats", "stan"}, "", {4222, 6222, 7422}, {8222, 7777}},
    Product{"Elasticsearch", {"elasticsearch", "opensearch", "elasticsearch-oss"}, {"elasticsearch", "elastic", "es", "opensearch"}, "", {9200, 9300, 9600}},
    Product{"ClickHouse", {"clickhouse-server", "clickhouse", "clickhouse-keeper"}, {"clickhouse", "chi"}, "", {9000, 9009, 9440, 9181, 9234}, {8123}},
    Product{"Doris", {"doris.fe-ubuntu", "doris.be-ubuntu", "fe-ubuntu", "be-ubuntu", "starrocks"}, {"doris", "starrocks"}, "", {9030, 9010, 9020, 9060, 9050}, {8030, 8040}},
    Product{"Cassandra", {"cassandra", "scylla"}, {"cassandra", "scylla"}, "", {9042, 7000, 7001, 7199, 9142}},
    Product{"TDengine", {"tdengine"}, {"tdengine", "taosd"}, "", {6030, 6044, 6045}, {6041}},
    Product{"InfluxDB", {"influxdb", "influxdb2"}, {"influxdb", "influx"}, "", {8088}, {8086}},
    Product{"etcd", {"etcd", "etcd-amd64", "etcd-arm64"}, {"etcd"}, "ETCD_NAME", {2379, 2380}},
    Product{"Consul", {"consul", "hashicorp-consul"}, {"consul"}, "", {8300, 8301, 8302, 8502, 8503, 8600}, {8500}},
    Product{"Seata", {"seata-server", "seata"}, {"seata"}, "SEATA_PORT", {8091}, {7091}},
    Product{"Sentinel dashboard", {"sentinel-dashboard", "sentinel-dashboard-nacos", "sentinel-admin"}, {"sentinel"}, "", {}, {8858, 8080, 8718}},
    Product{"XXL-JOB", {"xxl-job-admin"}, {"xxl"}, "", {}, {8080, 8088}},
    Product{"Canal", {"canal-server", "canal-admin", "canal-adapter"}, {"canal"}, "", {11110, 11111, 11112}, {8089, 8081}},
    Product{"MinIO", {"minio"}, {"minio"}, "MINIO_ROOT_USER", {}, {9000, 9001, 9090}},
    Product{"SkyWalking", {"skywalking-oap-server"}, {"skywalking", "oap"}, "SW_STORAGE", {}, {12800, 1234}, 11800},
    Product{"OpenLDAP", {"openldap"}, {"openldap", "ldap"}, "LDAP_ORGANISATION", {389, 636, 1389, 1636}},
    Product{"Neo4j", {"neo4j"}, {"neo4j"}, "", {7687, 5000, 6000, 7000}, {7474}},
    Product{"HBase", {"hbase"}, {"hbase"}, "", {16000, 16020}, {16010, 16030}},
    Product{"Milvus", {"milvus"}, {"milvus"}, "", {}, {9091}, 19530},
};

template <typename T, std::size_t N>
constexpr bool holds(const std::array<T, N>& list, const T& value) {
  return value != T{} && std::find(list.begin(), list.end(), value) != list.end();
}

// Numbers that ordinary services listen on too: beside a word in a name they prove nothing. Sorted.
constexpr std::array kShared{1234, 4000, 4444, 5000, 6000, 7000, 7001, 7777, 8030, 8040, 8080, 8081, 8083,
                             8088, 8089, 8091, 8500, 9000, 9001, 9010, 9020, 9050, 9060, 9090, 9091, 9999};
static_assert(std::is_sorted(kShared.begin(), kShared.end()));

// Sorted. Sources: the products' documentation; 3306 and 27017 are TCP for Istio without being told
// (pkg/config/protocol), the others are not.
constexpr std::array kPlainTcp{25,   110,  143,  389,  1433, 1521,  1883,  2181,  2379,  2380,  3306,  4222,  5236,
                               5432, 5672, 6379, 6432, 9042, 9092,  9848,  9849,  9876,  10909, 10911, 10912, 11111,
                               11211, 20880, 26379, 27017, 27018, 27019, 33060, 61616};
static_assert(std::is_sorted(kPlainTcp.begin(), kPlainTcp.end()));

}  // namespace

std::span<const Product> products() { return kProducts; }

const Product* product(std::string_view name) {
  const auto found = std::find_if(kProducts.begin(), kProducts.end(), [name](const Product& row) { return row.name == name; });
  return found == kProducts.end() ? nullptr : &*found;
}

std::string_view protocol_of(const Product& product, int pod_port) {
  if (holds(product.http_ports, pod_port)) return "http";
  if (product.grpc_port != 0 && product.grpc_port == pod_port) return "grpc";
  return "tcp";
}

bool knows_port(const Product& product, int pod_port) {
  return holds(product.ports, pod_port) || holds(product.http_ports, pod_port) || (pod_port != 0 && product.grpc_port == pod_port);
}

bool is_sign(const Product& product, int pod_port) {
  return knows_port(product, pod_port) && !std::binary_search(kShared.begin(), kShared.end(), pod_port);
}

bool is_sign_of_any(int pod_port) {
  static const std::vector<int> known = [] {
    std::vector<int> ports;
    for (const Product& row : products()) {
      ports.insert(ports.end(), row.ports.begin(), row.ports.end());
      ports.insert(ports.end(), row.http_ports.begin(), row.http_ports.end());
      ports.push_back(row.grpc_port);
    }
    std::erase_if(ports, [](int port) { return port == 0 || std::binary_search(kShared.begin(), kShared.end(), port); });
    std::sort(ports.begin(), ports.end());
    return ports;
  }();
  return std::binary_search(known.begin(), known.end(), pod_port);
}

bool is_plain_tcp_port(int port) { return std::binary_search(kPlainTcp.begin(), kPlainTcp.end(), port); }

}  // namespace meshgraft
