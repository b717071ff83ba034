// A gRPC C++ server, for comparison by ./dev bench grpcpp: TestService.UnaryCall on grpc++'s
// asynchronous interface, with one completion queue on one thread. Runs until it is killed.
//
//     server PORT
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>
#include <string>

#include "test.grpc.pb.h"

namespace {

using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;

// One call: waits for a request, answers it, and makes room for the next one.
class Call {
 public:
  Call(grpc::testing::TestService::AsyncService* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue), responder_(&context_) {
    service_->RequestUnaryCall(&context_, &request_, &responder_, queue_, queue_, this);
  }

  void Proceed(bool ok) {
    if (answered_ || !ok) {
      delete this;
      return;
    }
    new Call(service_, queue_);
    response_.mutable_payload()->mutable_body()->assign(request_.response_size(), '\0');
    answered_ = true;
    responder_.Finish(response_, grpc::Status::OK, this);
  }

 private:
  grpc::testing::TestService::AsyncService* service_;
  grpc::ServerCompletionQueue* queue_;
  grpc::ServerContext context_;
  SimpleRequest request_;
  SimpleResponse response_;
  grpc::ServerAsyncResponseWriter<SimpleResponse> responder_;
  bool answered_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: server PORT" << std::endl;
    return 2;
  }
  grpc::testing::TestService::AsyncService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "grpc++ cannot listen on port " << argv[1] << std::endl;
    return 1;
  }
  for (int i = 0; i < 256; i++) new Call(&service, queue.get());
  void* tag;
  bool ok;
  while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Proceed(ok);
}
