import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import waystone.auth.v1.Auth.SignInRequest;
import waystone.auth.v1.AuthServiceGrpc;
import waystone.chat.v1.Chat.Channel;
import waystone.chat.v1.Chat.ListChannelsRequest;
import waystone.chat.v1.Chat.Message;
import waystone.chat.v1.Chat.StreamMessagesRequest;
import waystone.chat.v1.Chat.StreamMessagesResponse;
import waystone.chat.v1.ChatServiceGrpc;
import waystone.chat.v1.ChatServiceGrpc.ChatServiceBlockingStub;

/** Signs in, lists the channels and follows the first one until interrupted. */
public final class Example {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private static String signIn(ManagedChannel connection, String login, String password) {
    return AuthServiceGrpc.newBlockingStub(connection)
        .withDeadlineAfter(10, TimeUnit.SECONDS)
        .signIn(SignInRequest.newBuilder().setLogin(login).setPassword(password).build())
        .getSession()
        .getAccessToken();
  }

  private static void follow(ChatServiceBlockingStub chat, long channel, int messages) {
    Iterator<StreamMessagesResponse> answers =
        chat.streamMessages(
            StreamMessagesRequest.newBuilder().setChannelId(channel).setAfterSequence(0).build());
    while (messages != 0 && answers.hasNext()) {
      StreamMessagesResponse answer = answers.next();
      if (answer.hasCaughtUp()) {
        System.out.println("-- live --");
      }
      if (answer.hasMessage()) {
        Message message = answer.getMessage();
        System.out.println(message.getCharacterName() + ": " + message.getText());
        messages--;
      }
    }
  }

  public static void main(String[] arguments) throws InterruptedException {
    if (arguments.length < 3 || arguments.length > 4) {
      System.err.println("usage: Example ADDRESS LOGIN PASSWORD [MESSAGES]");
      System.exit(1);
    }
    int messages = arguments.length == 4 ? Integer.parseInt(arguments[3]) : -1;
    ManagedChannel connection = NettyChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
    try {
      Metadata headers = new Metadata();
      headers.put(AUTHORIZATION, "Bearer " + signIn(connection, arguments[1], arguments[2]));
      ChatServiceBlockingStub chat =
          ChatServiceGrpc.newBlockingStub(connection)
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
      Iterable<Channel> channels =
          chat.listChannels(ListChannelsRequest.getDefaultInstance()).getChannelsList();
      for (Channel channel : channels) {
        System.out.println("#" + channel.getName());
      }
      follow(chat, channels.iterator().next().getId(), messages);
    } catch (StatusRuntimeException error) {
      System.err.println(
          error.getStatus().getCode() + ": " + error.getStatus().getDescription());
      System.exit(1);
    } finally {
      connection.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }
}
