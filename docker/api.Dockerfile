# The server. Build it from the project's root: docker build -f docker/api.Dockerfile .
ARG BASE=node:22-slim

FROM ${BASE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# no dependency needs its install script: those that have one would only compile what is optional
RUN npm ci --ignore-scripts
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM ${BASE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=5000
WORKDIR /app
COPY package.json ./
COPY docker/seccomp.json docker/
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
USER 1000:1000
EXPOSE 5000 5001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/apps/api/src/main.js"]
